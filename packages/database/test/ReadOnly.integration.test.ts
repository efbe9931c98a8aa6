import { assert, describe, it } from "@effect/vitest"
import { DirectSql } from "@user-service/database/DirectSql"
import * as Postgres from "@user-service/database/Postgres"
import { Storage } from "@user-service/database/Storage"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect, Exit, Layer, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

const layer = Layer.unwrap(
  Effect.map(freshDatabase(databaseUrl), (url) =>
    Layer.fresh(Storage.layer.pipe(Layer.provideMerge(Postgres.layer(settingsOf(url, 4)))))
  )
)

const pid = (sql: SqlClient.SqlClient) =>
  Effect.map(sql`select pg_backend_pid() as pid`, ([row]) => Number(row?.["pid"]))

const succeeds = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.match(effect, { onFailure: () => false, onSuccess: () => true })

// Sessions keep the setting with which they began, as they keep a server that became a replica.
const setReadOnly = (sql: SqlClient.SqlClient, value: "on" | "off") =>
  Effect.flatMap(sql`select current_database() as name`, ([row]) =>
    sql.unsafe(`alter database "${String(row?.["name"])}" set default_transaction_read_only = ${value}`)
  )

describe.skipIf(databaseUrl === "")("a server that is read-only (25006)", () => {
  it.live("is left by all sessions, so that the next statements find the one that accepts writes", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const direct = yield* DirectSql
      const storage = yield* Storage
      yield* sql`create table written (name text)`
      yield* setReadOnly(sql, "on")
      // New sessions are read-only from here on, and those that are open are not.
      yield* sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
      const insert = (name: string) => sql`insert into written (name) values (${name})`
      const writes = [
        storage.write(insert("single")),
        storage.lockingWrite(insert("locking"), () => Effect.void),
        storage.transaction(insert("transaction"))
      ]
      yield* waitUntil(Effect.map(Effect.exit(storage.transaction(insert("none"))), Exit.isFailure))
      const notices = yield* direct.listen("changes")
      const before = yield* direct.withTransaction(pid(direct))

      yield* direct.withTransaction(Effect.andThen(direct`set transaction read write`, setReadOnly(direct, "off")))
      for (const write of writes) {
        yield* waitUntil(succeeds(write), 20)
      }
      // LISTEN is on such a session too, and would hear nothing from a replica.
      yield* Effect.flip(Queue.take(notices))
      assert.notStrictEqual(yield* direct.withTransaction(pid(direct)), before)
      const [row] = yield* sql`select count(*)::int as count from written where name <> 'none'`
      assert.strictEqual(row?.["count"], writes.length)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
