import { assert, describe, it } from "@effect/vitest"
import * as PgLite from "@user-service/database/PgLite"
import { Duration, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { accountJourney, environment as journeyEnvironment } from "./AccountJourney.ts"
import { expectAnswer, sender } from "./Http.ts"
import { goodPassword, journey, login, register } from "./Journey.ts"
import * as Mailbox from "./Mailbox.ts"
import * as Program from "./Program.ts"
import { UsedFolder } from "./UsedFolder.ts"
import { waitUntil } from "./WaitUntil.ts"

const profile = "/api/v1/users/profile/"
const preferences = "/api/v1/users/preferences/"

const assertWithin = (seconds: number, { startedIn }: Program.Service) =>
  assert.isBelow(Duration.toSeconds(startedIn), seconds)

/** The paths of a folder, including itself, that others than the owner may read or write. */
const openToOthers = (folder: string): ReadonlyArray<string> =>
  [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })].filter(
    (path) => (statSync(join(folder, path)).mode & 0o077) !== 0
  )

/** The complete example command of the welcome text. */
const example = (stdout: string): string => {
  const [, command] = /Try: +(curl [^]*?'\n)/.exec(stdout) ?? []
  assert.isDefined(command, stdout)
  return String(command)
}

describe("the program on nothing but itself", () => {
  it.live(
    "a first start takes less than half a minute, and everything works",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start(journeyEnvironment)
        assertWithin(30, program)
        yield* journey(sender(program.url))
        yield* accountJourney(sender(program.url), { mailbox: Mailbox.ofFolder(program) })
        assert.isTrue(existsSync(join(program.cwd, ".data/pglite")), "what it keeps is in .data where it was started")
        assert.deepStrictEqual(openToOthers(join(program.cwd, ".data")), [])
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    180_000
  )

  it.live(
    "users, sessions and keys survive a restart: tokens issued before it still work",
    () =>
      Effect.gen(function* () {
        const environment = { DATA_DIR: yield* Program.folder }
        const before = yield* Program.start(environment)
        const person = yield* register(sender(before.url), { name: "Ada Lovelace" })
        const jwks = yield* sender(before.url)("GET", "/.well-known/jwks.json")
        yield* expectAnswer(sender(before.url))(200, undefined, "PATCH", preferences, {
          token: person.access,
          body: { frequency_limit: 7 }
        })
        yield* before.stop

        const after = yield* Program.start(environment)
        assertWithin(6, after)
        const send = sender(after.url)
        const expect = expectAnswer(send)
        assert.strictEqual((yield* send("GET", "/.well-known/jwks.json")).text, jwks.text)
        const user = (yield* expect(200, undefined, "GET", profile, { token: person.access })).body.data
        assert.deepStrictEqual([user.id, user.profile.full_name], [person.id, "Ada Lovelace"])
        const kept = yield* expect(200, undefined, "GET", preferences, { token: person.access })
        assert.strictEqual(kept.body.data.frequency_limit, 7)
        yield* expect(200, undefined, "POST", "/api/v1/users/token/refresh/", { body: { refresh: person.refresh } })
        yield* login(send, person)
      }),
    180_000
  )

  it.layer(UsedFolder.layer, { excludeTestServices: true, timeout: 90_000 })((it) => {
    it.effect(
      "acknowledged changes survive a kill of the process",
      () =>
        Effect.gen(function* () {
          const environment = { DATA_DIR: yield* UsedFolder }
          const before = yield* Program.start(environment)
          const person = yield* register(sender(before.url))
          const { signal } = yield* before.kill
          assert.strictEqual(signal, "SIGKILL")
          const after = yield* Program.start(environment)
          yield* expectAnswer(sender(after.url))(200, undefined, "GET", profile, { token: person.access })
        }),
      120_000
    )

    it.effect(
      "events are published within the process, and marked as published",
      () =>
        Effect.gen(function* () {
          const DATA_DIR = yield* UsedFolder
          const program = yield* Program.start({ DATA_DIR })
          const send = sender(program.url)
          const person = yield* register(send, { push_token: "a-device" })
          const health = yield* expectAnswer(send)(200, undefined, "GET", "/health")
          assert.strictEqual(health.body.data.checks.broker.status, "up")
          yield* waitUntil(
            "Nothing waits",
            Effect.map(send("GET", "/metrics"), ({ text }) => /^outbox_published_total [1-9]/m.test(text))
          )
          yield* program.stop
          const sql = yield* Layer.build(PgLite.layer({ dataDir: join(DATA_DIR, "pglite") }))
          const rows = yield* Effect.provide(
            SqlClient.SqlClient.use(
              (sql) => sql`
                select event_type as type, published_at is not null as "isPublished" from outbox where user_id = ${person.id}
                order by position`
            ),
            sql
          )
          assert.deepStrictEqual(rows, [
            { type: "UserRegistered", isPublished: true },
            { type: "PushTokenAdded", isPublished: true }
          ])
        }),
      90_000
    )

    it.effect(
      "a program that listens on every address prints one that can be called",
      () =>
        Effect.gen(function* () {
          const program = yield* Program.start({ DATA_DIR: yield* UsedFolder, HOST: "0.0.0.0" })
          assert.match(program.url, /^http:\/\/127\.0\.0\.1:\d+$/)
          yield* expectAnswer(sender(program.url))(200, undefined, "GET", "/health/ready")
        }),
      90_000
    )

    it.effect.skipIf(spawnSync("curl", ["--version"]).status !== 0)(
      "the printed curl command works (skipped without curl)",
      () =>
        Effect.gen(function* () {
          const program = yield* Program.start({ DATA_DIR: yield* UsedFolder })
          // Printed at the start, so the output is complete once the program is ready.
          const command = example(program.stdout())
          const { status, stdout } = spawnSync("sh", ["-c", command], { encoding: "utf8" })
          assert.strictEqual(status, 0)
          const { data, message } = JSON.parse(stdout)
          assert.strictEqual(message, "User registered successfully")
          assert.strictEqual(data.profile.full_name, "Ada Lovelace")
          yield* login(sender(program.url), { email: "ada@example.com", password: goodPassword })
          for (const path of ["/api/docs\n", "/health\n"]) {
            assert.include(program.stdout(), `${program.url}${path}`)
          }
        }),
      90_000
    )
  })
})
