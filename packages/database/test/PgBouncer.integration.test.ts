import { assert, describe, it } from "@effect/vitest"
import { whileLeading } from "@user-service/database/Leadership"
import * as Migrations from "@user-service/database/Migrations"
import * as Notifications from "@user-service/database/Notifications"
import * as Postgres from "@user-service/database/Postgres"
import { PostgresCheck, requirePostgres } from "@user-service/database/PostgresCheck"
import type { PostgresSettings } from "@user-service/database/PostgresSettings"
import { Storage } from "@user-service/database/Storage"
import * as PgBouncer from "@user-service/database/testing/PgBouncer"
import { suite as sqlClientSuite } from "@user-service/database/testing/SqlClientSuite"
import { suite as storageSuite } from "@user-service/database/testing/StorageSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

const isThere = databaseUrl !== "" && PgBouncer.skipReason === ""

/** A database of the test's own behind a PgBouncer that lends so many sessions. */
const layerPooled = (sessions: number) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const direct = yield* TestDatabase.freshDatabase(databaseUrl)
      const url = yield* PgBouncer.make(direct, { mode: "transaction", sessions })
      return Postgres.layer({ ...TestDatabase.settingsOf(url, 10, direct), preparedStatements: false })
    })
  )

const problem = (settings: PostgresSettings) =>
  requirePostgres.pipe(
    Effect.match({ onFailure: ({ message }) => message, onSuccess: () => "none" }),
    Effect.provide(PostgresCheck.layer(settings))
  )

describe.skipIf(!isThere)(`PgBouncer in transaction mode ${PgBouncer.skipReason}`, () => {
  const migrated = Layer.effectDiscard(Effect.orDie(Migrations.run))
  // Its ten connections, of which eight are for transactions.
  sqlClientSuite("Postgres.layer behind it", Layer.provideMerge(migrated, layerPooled(10)), 8)
  storageSuite("Storage behind it", layerPooled(10))

  // Fewer sessions than a process has connections.
  it.layer(Layer.provideMerge(Storage.layer, layerPooled(3)), { excludeTestServices: true })((it) => {
    it.effect(
      "migrations, LISTEN and the locks of leaders use direct connections, and their results are visible through the pooler",
      () =>
        Effect.gen(function* () {
          yield* requirePostgres
          const sql = yield* SqlClient.SqlClient
          assert.lengthOf(yield* Migrations.run, Object.keys(Migrations.migrations).length)
          assert.deepStrictEqual(yield* whileLeading(1)(Effect.succeed("led")), Option.some("led"))
          const [listening, told] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const onNotice = Effect.flatMap(Deferred.isDone(listening), (isSecond) =>
            Deferred.succeed(isSecond ? told : listening, undefined)
          )
          yield* Effect.forkScoped(Notifications.listen("any", onNotice))
          yield* Deferred.await(listening)
          yield* sql`select pg_notify('any', '')`
          yield* Deferred.await(told)
        })
    )

    it.effect("each transaction sets the time limits that its session lacks", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const storage = yield* Storage
        const limits = sql`
          select current_setting('statement_timeout') as statement,
            current_setting('idle_in_transaction_session_timeout') as idle, current_setting('timezone') as zone`
        assert.deepStrictEqual(yield* storage.read(limits), [{ statement: "0", idle: "0", zone: "UTC" }])
        assert.deepStrictEqual(yield* storage.transaction(limits), [{ statement: "2500ms", idle: "10s", zone: "UTC" }])
        // And leaves none behind.
        assert.deepStrictEqual(yield* storage.read(limits), [{ statement: "0", idle: "0", zone: "UTC" }])
      })
    )

    it.effect(
      "concurrent statements and transactions, more than the pooler has sessions, each get their own results",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const storage = yield* Storage
          yield* storage.write(sql`create table tallies (name int primary key, count int not null)`)
          const tally = (name: number) =>
            storage.transaction(
              Effect.gen(function* () {
                yield* sql`insert into tallies values (${name}, 1)`
                yield* sql`update tallies set count = count + 1 where name = ${name}`
                const [row] =
                  yield* sql`select count, txid_current_if_assigned()::text as id from tallies where name = ${name}`
                return row
              })
            )
          const read = (name: number) => storage.read(sql`select ${name}::int as name`)
          const all = yield* Effect.all(
            Array.from({ length: 200 }, (_, name) => Effect.all([tally(name), read(name)], { concurrency: 2 })),
            { concurrency: 40 }
          )
          assert.isTrue(all.every(([row, [found]], name) => row?.["count"] === 2 && found?.["name"] === name))
          assert.strictEqual(new Set(all.map(([row]) => row?.["id"])).size, 200)
        })
    )
  })

  it.live(
    "a start with settings that do not work behind the pooler is refused with an explanation, and others succeed",
    () =>
      Effect.gen(function* () {
        const direct = yield* TestDatabase.freshDatabase(databaseUrl)
        const fewSessions = { mode: "transaction", sessions: 3 } as const
        const url = yield* PgBouncer.make(direct, fewSessions)
        const settings = TestDatabase.settingsOf(url, 4, direct)
        assert.strictEqual(yield* problem({ ...settings, preparedStatements: false }), "none")
        assert.match(
          yield* problem(settings),
          /its pooler loses prepared statements; set DATABASE_PREPARED_STATEMENTS=off$/
        )
        assert.match(
          yield* problem({ ...settings, direct: undefined }),
          /: unsupported startup parameter: statement_timeout; a pooler answers there: name PostgreSQL itself by DATABASE_DIRECT_URL, /
        )
        assert.match(
          yield* problem({ ...settings, direct: undefined, preparedStatements: false }),
          /as DATABASE_URL says: a pooler answers there: name PostgreSQL itself by DATABASE_DIRECT_URL, /
        )
        assert.match(
          yield* problem({ ...TestDatabase.settingsOf(url, 4, url), preparedStatements: false }),
          /as DATABASE_DIRECT_URL says: a pooler answers there, not PostgreSQL itself$/
        )
        const lenient = yield* PgBouncer.make(direct, {
          ...fewSessions,
          settings: ["ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout"]
        })
        assert.match(
          yield* problem(TestDatabase.settingsOf(lenient, 4)),
          /as DATABASE_URL says: a pooler answers there: name PostgreSQL itself by DATABASE_DIRECT_URL, /
        )
        const faithful = yield* PgBouncer.make(direct, { mode: "session", sessions: 5 })
        assert.strictEqual(yield* problem(TestDatabase.settingsOf(faithful, 4, direct)), "none")
        const down = yield* PgBouncer.make("postgres://postgres@127.0.0.1:1/none", fewSessions)
        assert.match(
          yield* problem({ ...TestDatabase.settingsOf(down, 4, direct), preparedStatements: false }),
          /as DATABASE_URL says: /
        )
      })
  )
})
