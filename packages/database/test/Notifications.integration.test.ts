import { assert, describe, it } from "@effect/vitest"
import * as Notifications from "@user-service/database/Notifications"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as Postgres from "@user-service/database/Postgres"
import { Effect, Layer, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

const countingOn = Effect.fnUntraced(function* (channel: string) {
  const count = yield* Ref.make(0)
  yield* Effect.forkScoped(
    Notifications.listen(
      channel,
      Ref.update(count, (n) => n + 1)
    )
  )
  return Ref.get(count)
})

describe.skipIf(databaseUrl === "")("Notifications on PostgreSQL", () => {
  const fresh = Layer.unwrap(
    Effect.map(TestDatabase.freshDatabase(databaseUrl), (url) => Postgres.layer(TestDatabase.settingsOf(url, 4)))
  )

  it.layer(fresh, { excludeTestServices: true })((it) => {
    it.effect("emits one element when it begins to listen, and then each notification of its channel", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const count = yield* countingOn("first")
        yield* waitUntil(Effect.map(count, (n) => n === 1))
        yield* sql`select pg_notify('other', '')`
        yield* sql`select pg_notify('first', '')`
        yield* waitUntil(Effect.map(count, (n) => n === 2))
      })
    )

    it.effect(
      "listens again after the connection broke, and emits an element for notifications that it may have missed",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const count = yield* countingOn("second")
          yield* waitUntil(Effect.map(count, (n) => n === 1))
          const broken = yield* sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query = 'LISTEN "second"'`
          assert.strictEqual(broken.length, 1)
          yield* waitUntil(Effect.map(count, (n) => n === 2))
          yield* sql`select pg_notify('second', '')`
          yield* waitUntil(Effect.map(count, (n) => n === 3))
        })
    )
  })
})
