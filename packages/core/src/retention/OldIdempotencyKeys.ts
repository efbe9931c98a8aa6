import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// A key is valid for that time: see `IdempotencyKeysRepo`.
const retention = { hours: 24 }

/** Deletes idempotency keys that are no longer valid. */
export class OldIdempotencyKeys extends Context.Service<
  OldIdempotencyKeys,
  {
    /** Deletes at most `limit` keys older than 24 hours and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldIdempotencyKeys") {
  static readonly layer = Layer.effect(
    OldIdempotencyKeys,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldIdempotencyKeys.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from idempotency_keys where (route, key_hash) in (
            select route, key_hash from idempotency_keys where created_at <= ${DateTime.toDate(before)}
            order by created_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
