import { assert, describe, it } from "@effect/vitest"
import * as Notifications from "@user-service/database/Notifications"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Ref } from "effect"
import { SqlClient } from "effect/sql"

describe("Notifications on the embedded database", () => {
  it.layer(TestDatabase.layerPgLite, { excludeTestServices: true })((it) => {
    it.effect("emits one element when it begins to listen, and each notification of its channel after the commit", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const count = yield* Ref.make(0)
        const counted = (expected: number) => waitUntil(Effect.map(Ref.get(count), (n) => n === expected))
        yield* Effect.forkScoped(
          Notifications.listen(
            "here",
            Ref.update(count, (n) => n + 1)
          )
        )
        yield* counted(1)
        yield* sql`select pg_notify('elsewhere', '')`
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`select pg_notify('here', '')`
            assert.strictEqual(yield* Ref.get(count), 1)
          })
        )
        yield* counted(2)
        const rolledBack = sql.withTransaction(Effect.andThen(sql`select pg_notify('here', '')`, Effect.fail("undone")))
        assert.strictEqual(yield* Effect.flip(rolledBack), "undone")
        yield* sql`select pg_notify('here', '')`
        yield* counted(3)
      })
    )
  })
})
