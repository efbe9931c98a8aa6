import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Engines from "./Engines.ts"
import { expectAnswer, type Send, sender } from "./Http.ts"
import { goodPassword, register } from "./Journey.ts"
import { layerMailListener, listenForMails } from "./Listener.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const timeout = 120_000
const newPassword = "another horse and its battery"

/** Registers somebody and changes their password, which sends a security notice. */
const changePassword = Effect.fnUntraced(function* (send: Send) {
  const person = yield* register(send)
  yield* expectAnswer(send)(200, undefined, "POST", "/api/v1/users/change-password/", {
    token: person.access,
    body: { old_password: goodPassword, new_password: newPassword, new_password_confirm: newPassword }
  })
  return person
})

const noticeOf = (person: { readonly email: string; readonly id: string }) => ({
  user_id: person.id,
  email: person.email,
  kind: "password_changed",
  language: "en"
})

describe("the mails of the program", () => {
  it.live(
    "on the embedded broker each is a private file, which the log names",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start({})
        const folder = join(program.cwd, ".data/mail")
        const send = sender(program.url)
        const person = yield* changePassword(send)
        const [, verification = ""] = yield* program.says(/mail\/(\S+-email_verification-[0-9a-f-]{36}\.json)/)
        const { token }: { readonly token: string } = JSON.parse(readFileSync(join(folder, verification), "utf8"))
        yield* expectAnswer(send)(200, undefined, "POST", "/api/v1/users/verify-email/confirm/", { body: { token } })
        const [, name = ""] = yield* program.says(/mail\/(\S+-security_notice-[0-9a-f-]{36}\.json)/)
        assert.match(name, /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-security_notice-/)
        assert.deepInclude(JSON.parse(readFileSync(join(folder, name), "utf8")), {
          type: "security_notice",
          ...noticeOf(person)
        })
        for (const file of readdirSync(folder)) assert.strictEqual(statSync(join(folder, file)).mode & 0o077, 0, file)
        assert.notInclude(program.stdout(), person.email)
        assert.notInclude(program.stdout(), token)
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    timeout
  )

  it.live.skipIf(!Engines.areAvailable)(
    "on RabbitMQ each goes to the queue of the Email service, and to no file",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const listener = yield* Layer.build(layerMailListener(engines.RABBITMQ_URL, "security_notice"))
        const received = yield* Effect.provide(listenForMails, listener)
        const program = yield* Program.start({ ...engines })
        const person = yield* changePassword(sender(program.url))
        yield* waitUntil(
          "The notice arrives",
          Effect.sync(() => received.length > 0)
        )
        assert.strictEqual(received[0]?.routingKey, "security_notice")
        assert.deepInclude(received[0]?.body, noticeOf(person))
        assert.isFalse(existsSync(join(program.cwd, ".data/mail")))
      }),
    timeout
  )
})
