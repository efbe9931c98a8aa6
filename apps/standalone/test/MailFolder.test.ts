import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { userEvents, userMail, userService } from "@user-service/broker/Topology"
import * as MailFolder from "@user-service/standalone/MailFolder"
import { Context, DateTime, Effect, FileSystem, Layer, Logger } from "effect"
import { statSync } from "node:fs"

const id = "0193a5c4-1d2e-7f30-8a4b-5c6d7e8f9012"
const token = "a-token-that-no-log-may-have"

const message = (exchange: string, routingKey: string, body: object): OutgoingMessage => ({
  exchange,
  routingKey,
  body: new TextEncoder().encode(JSON.stringify(body)),
  messageId: id,
  timestamp: DateTime.makeUnsafe("2026-11-30T21:05:03.987Z"),
  persistent: true,
  mandatory: exchange === userMail.name,
  headers: {}
})
const mail = message(userMail.name, "password_reset", { notification_id: id, email: "ada@example.com", token })
const event = message(userEvents.name, "user.logged_in", {})
const memory = Broker.layerMemory({ topology: userService })

/** A broker that writes to a folder, and all that it logs. */
const setUp = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const folder = `${yield* files.makeTempDirectoryScoped()}/mail`
  const lines: Array<string> = []
  const logger = Logger.map(Logger.formatJson, (line) => void lines.push(line))
  const withLog = Effect.provide(Logger.layer([logger]))
  const broker = Context.get(yield* Layer.build(MailFolder.layer(folder, memory)), Broker)
  return { files, folder, lines, publish: (...all: ReadonlyArray<OutgoingMessage>) => withLog(broker.publishAll(all)) }
})

describe("the folder of mails", () => {
  it.layer(NodeServices.layer)((it) => {
    it.effect("a mail is a file of its own, named by time and type, for its owner's eyes only", () =>
      Effect.gen(function* () {
        const { files, folder, lines, publish } = yield* setUp
        assert.deepStrictEqual(yield* publish(event, mail, event), ["confirmed", "confirmed", "confirmed"])
        const name = `2026-11-30T21-05-03Z-password_reset-${id}.json`
        assert.deepStrictEqual(yield* files.readDirectory(folder), [name])
        const text = yield* files.readFileString(`${folder}/${name}`)
        assert.deepStrictEqual(JSON.parse(text), {
          type: "password_reset",
          notification_id: id,
          email: "ada@example.com",
          token
        })
        assert.include(text, '\n  "email": "ada@example.com",\n')
        assert.strictEqual(statSync(`${folder}/${name}`).mode & 0o777, 0o600)
        assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
        assert.lengthOf(lines, 1)
        assert.include(lines[0], name)
        assert.notInclude(lines[0], token)
      })
    )

    it.effect("a mail that is published again replaces its file", () =>
      Effect.gen(function* () {
        const { files, folder, publish } = yield* setUp
        yield* publish(mail)
        yield* publish(mail)
        assert.lengthOf(yield* files.readDirectory(folder), 1)
      })
    )

    it.effect("a mail that cannot be written is refused, and an event beside it is not", () =>
      Effect.gen(function* () {
        const { files, folder, lines, publish } = yield* setUp
        yield* files.writeFileString(folder, "a file in the place of the folder")
        assert.deepStrictEqual(yield* publish(mail, event), ["refused", "confirmed"])
        assert.lengthOf(lines, 1)
        assert.notInclude(lines[0], token)
        yield* files.remove(folder)
        assert.deepStrictEqual(yield* publish(mail), ["confirmed"])
      })
    )
  })
})
