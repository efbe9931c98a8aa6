import { assert, describe, it } from "@effect/vitest"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect, Layer } from "effect"
import { globSync, readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Engines from "./Engines.ts"
import * as Guide from "./Guide.ts"
import { expectAnswer, sender } from "./Http.ts"
import { goodPassword, login, type Person, register } from "./Journey.ts"
import { layerListener, listen } from "./Listener.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const users = "/api/v1/users"
const password = "s3cret-of-the-superuser"

describe.skipIf(!Engines.areAvailable || PostgresServer.skipReason !== "")("the guide's restore of a backup", () => {
  it.live(
    "to a point in time brings users back, except those who were erased since, and no session and no version",
    () =>
      Effect.gen(function* () {
        // Over TCP with passwords, which the blocks must get from the file of libpq.
        const server = yield* PostgresServer.make({
          access: ["local all all trust", "host all,replication all 127.0.0.1/32 scram-sha-256"]
        })
        yield* server.start
        const BACKUP = yield* Guide.backupFolder
        const local = `postgres://postgres@/postgres?host=${server.socketFolder}&port=${server.port}`
        yield* Engines.execute(`alter role postgres password '${password}'`, local)
        yield* Engines.execute("create database user_service", local)
        const DATABASE_URL = `postgres://postgres:${password}@127.0.0.1:${server.port}/user_service`
        const engines = { DATABASE_URL, ...(yield* Engines.redis), ...(yield* Engines.rabbitmq) }
        const environment = {
          ...engines,
          DATA_DIR: yield* Program.folder,
          BCRYPT_COST: "10",
          RATE_LIMIT_REGISTER: "off"
        }
        const PGPASSFILE = join(BACKUP, "pgpass")
        yield* Effect.promise(() => PostgresServer.writeOwned(PGPASSFILE, `*:*:*:*:${password}\n`))
        const env = {
          ...environment,
          BACKUP,
          DATABASE: "user_service",
          ERASURES: join(yield* Program.folder, "erasures.txt"),
          PGDATA: join(server.socketFolder, "data"),
          PGHOST: "127.0.0.1",
          PGPASSFILE,
          PGPORT: String(server.port),
          PGUSER: "postgres",
          REDIS_HOST: "127.0.0.1",
          REDIS_PORT: new URL(engines.REDIS_URL).port
        }
        const asPostgres = { env, asPostgres: true }
        yield* Guide.run("archive", asPostgres)
        yield* server.stop
        yield* server.start
        yield* Guide.run("archive-check", asPostgres)

        const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
        const events = yield* Effect.provide(listen(), listener)
        const before = yield* Program.start(environment)
        const send = sender(before.url)
        const erase = ({ access }: Person) =>
          expectAnswer(send)(204, undefined, "DELETE", `${users}/profile/`, {
            token: access,
            body: { password: goodPassword }
          })
        const [kept, gone, erasedBefore] = [yield* register(send), yield* register(send), yield* register(send)]
        yield* erase(erasedBefore)
        assert.include(yield* Guide.run("base-backup", asPostgres), "backup successfully verified")
        // Only in the WAL.
        const second = yield* register(send)
        const [time] = yield* Engines.execute("select clock_timestamp()::text", DATABASE_URL)
        const RESTORE_TO = String(Object.values(time ?? {})[0])

        const newcomer = yield* register(send)
        const lost = yield* register(send)
        yield* erase(gone)
        yield* erase(newcomer)
        const changed = yield* expectAnswer(send)(200, undefined, "PATCH", `${users}/preferences/`, {
          token: kept.access,
          body: { push_marketing: true }
        })
        const refreshed = yield* expectAnswer(send)(200, undefined, "POST", `${users}/token/refresh/`, {
          body: { refresh: kept.refresh }
        })
        yield* expectAnswer(send)(200, undefined, "POST", `${users}/logout/`, { token: second.access })
        assert.match(yield* Guide.run("export", { env }), /^Erasures added to .*: 3, in all: 3\n$/m)
        const exportEnv = join(yield* Program.folder, "export.env")
        yield* Effect.promise(() => writeFile(exportEnv, `DATABASE_URL='${DATABASE_URL}'\nNODE_ENV=production\n`))
        const byCron = join(BACKUP, "by-cron.txt")
        const cronOutput = yield* Guide.runCron([
          ["/etc/user-service/export.env", exportEnv],
          ["/opt/user-service/cli/main.js", Guide.cliBundle],
          ["/mnt/erasures/erasures.txt", byCron]
        ])
        assert.strictEqual(cronOutput, "")
        assert.strictEqual(readFileSync(byCron, "utf8").split("\n").length, 4)
        yield* Guide.run("archive-check", asPostgres)
        const published = events.length
        yield* server.kill
        yield* before.kill

        const [base = ""] = globSync(join(BACKUP, "base-*Z"))
        yield* Guide.run("restore", {
          asPostgres: true,
          env: { ...env, BASE: base, RESTORE_TO }
        })
        yield* server.start
        yield* Guide.run("recovered", asPostgres)
        const count = (id: string) =>
          Effect.map(Engines.execute(`select 1 from users where id = '${id}'`, DATABASE_URL), (rows) => rows.length)
        assert.strictEqual(yield* count(gone.id), 1, "The backup brings an erased user back")
        const report = yield* Guide.run("replay", { env })
        assert.match(report, /erased again: +1\n +erased here already: +1\n +unknown here, recorded: +1\n$/)
        assert.strictEqual(yield* count(gone.id), 0)
        assert.match(yield* Guide.run("after-restore", { env }), /^Sessions ended: +[1-9]/)

        const after = yield* Program.start(environment)
        const again = sender(after.url)
        const expect = expectAnswer(again)
        for (const person of [gone, newcomer, erasedBefore, lost]) {
          yield* expect(401, undefined, "POST", `${users}/login/`, {
            body: { email: person.email, password: goodPassword }
          })
        }
        yield* waitUntil(
          "the erasure is published again",
          Effect.sync(() =>
            events
              .slice(published)
              .some(({ body, routingKey }) => routingKey === "user.deleted" && body["user_id"] === gone.id)
          )
        )
        // No session comes back: not one that was ended, and not one whose tokens were refreshed, without an alarm of theft.
        for (const access of [kept.access, second.access, refreshed.body.access]) {
          yield* expect(401, undefined, "GET", `${users}/profile/`, { token: access })
        }
        for (const refresh of [kept.refresh, refreshed.body.refresh]) {
          const { body } = yield* expect(401, undefined, "POST", `${users}/token/refresh/`, { body: { refresh } })
          assert.strictEqual(body.code, "token_invalid")
        }
        const thefts = "select 1 from sessions where revoked_reason = 'reuse_detected'"
        assert.deepStrictEqual(yield* Engines.execute(thefts, DATABASE_URL), [])
        yield* login(again, second)
        const back = yield* login(again, kept)
        const preferences = yield* expect(200, undefined, "GET", `${users}/preferences/`, { token: back.access })
        assert.isFalse(preferences.body.data.push_marketing, "The change came after the point in time")
        yield* expect(412, undefined, "PATCH", `${users}/preferences/`, {
          token: back.access,
          body: { push_marketing: true },
          headers: { "if-match": changed.headers.get("etag") ?? "*" }
        })
        yield* register(again, { email: lost.email })
        assert.strictEqual((yield* after.stop).code, 0)
        yield* Guide.run("base-backup", asPostgres)
        const left = "select 1 from pg_file_settings where name like 'recovery%' or name = 'restore_command'"
        assert.deepStrictEqual(yield* Engines.execute(left, local), [])
      }),
    180_000
  )
})
