import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@user-service/database/Migrations"
import { statementTimeout } from "@user-service/database/PostgresSession"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { suite } from "@user-service/database/testing/MigrationsSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Duration, Effect, Fiber } from "effect"
import { randomUUID } from "node:crypto"
import { databaseUrl } from "./engine.ts"
import { oneProcess } from "./processes.ts"

const all = Object.keys(Migrations.migrations)

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  suite("on PostgreSQL", TestDatabase.layerPostgres(databaseUrl))

  it.live.each([2, 5])("of %i processes that start at once on an empty database, exactly one migrates it", (count) =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshDatabase(databaseUrl)
      const processes = yield* Effect.replicateEffect(oneProcess(url), count)
      const applied = yield* Effect.forEach(processes, ({ migrate }) => migrate, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        applied.map((migrations) => migrations.length).toSorted((a, b) => a - b),
        [...Array.from({ length: count - 1 }, () => 0), all.length]
      )
      for (const { sql } of processes) {
        assert.deepStrictEqual(yield* sql`select count(*)::int as count from migrations`, [{ count: all.length }])
      }
    })
  )

  it.live(
    "a migration that waits for another process longer than the statement timeout succeeds and finds nothing to apply",
    () =>
      Effect.gen(function* () {
        const url = yield* TestDatabase.freshDatabase(databaseUrl)
        const [first, second, third] = [yield* oneProcess(url), yield* oneProcess(url), yield* oneProcess(url)]
        const migrated = yield* Deferred.make<void>()
        const waited = yield* Deferred.make<void>()
        const slow = yield* first.migrate.pipe(
          Effect.tap(Deferred.succeed(migrated, undefined)),
          Effect.tap(Deferred.await(waited)),
          first.direct.withTransaction,
          Effect.forkScoped
        )
        yield* Deferred.await(migrated)
        const waiting = yield* Effect.forkScoped(second.migrate)
        yield* waitUntil(
          Effect.map(
            third.sql`
            select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'
              and query_start < clock_timestamp() - make_interval(secs => ${Duration.toSeconds(statementTimeout)})`,
            (rows) => rows.length === 1
          )
        )
        yield* Deferred.succeed(waited, undefined)
        assert.strictEqual((yield* Fiber.join(slow)).length, all.length)
        assert.deepStrictEqual(yield* Fiber.join(waiting), [])
      })
  )

  it.live("a migration by a role without the right to create tables fails with the refused statement", () =>
    Effect.gen(function* () {
      const url = new URL(yield* TestDatabase.freshDatabase(databaseUrl))
      const { sql } = yield* oneProcess(url.href)
      const role = `reader_${randomUUID().replaceAll("-", "")}`
      yield* Effect.acquireRelease(sql`create role ${sql(role)}`, () => Effect.orDie(sql`drop role ${sql(role)}`))
      yield* sql`revoke create on schema public from public`
      // As libpq reads it, to which a plus sign is no space.
      url.search = `options=${encodeURIComponent(`-c role=${role}`)}`
      const error = yield* Effect.flip((yield* oneProcess(url.href)).migrate)
      if (error._tag !== "SqlError") return assert.fail(error._tag)
      assert.strictEqual(error.reason._tag, "AuthorizationError")
      assert.include(String(error.reason.cause), "permission denied for schema public")
    })
  )

  it.live("a failed migration leaves no changes, and succeeds after its cause is removed", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshDatabase(databaseUrl)
      const { migrate, sql } = yield* oneProcess(url)
      // The fourth finds its table there.
      yield* sql`create table outbox (id integer)`
      const error = yield* Effect.flip(migrate)
      assert.strictEqual(error._tag, "MigrationError")
      assert.include(error.message, "4_outbox")
      assert.deepStrictEqual(yield* sql`select tablename as name from pg_tables where schemaname = 'public'`, [
        { name: "outbox" }
      ])
      yield* sql`drop table outbox`
      assert.strictEqual((yield* migrate).length, all.length)
    })
  )
})
