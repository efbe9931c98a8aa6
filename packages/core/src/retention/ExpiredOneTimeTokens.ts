import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** Deletes one-time tokens that have expired. */
export class ExpiredOneTimeTokens extends Context.Service<
  ExpiredOneTimeTokens,
  {
    /** Deletes at most `limit` tokens and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/ExpiredOneTimeTokens") {
  static readonly layer = Layer.effect(
    ExpiredOneTimeTokens,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("ExpiredOneTimeTokens.remove")(function* (limit: number) {
        const now = yield* DateTime.now
        const removed = yield* storage.write(sql`
          delete from one_time_tokens where (user_id, purpose) in (
            select user_id, purpose from one_time_tokens where expires_at < ${DateTime.toDate(now)}
            order by expires_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
