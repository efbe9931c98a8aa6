import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// A day longer than the longest plot.
const retention = { days: 8 }

/** Deletes the minutes of the plots that no plot shows any more. */
export class OldActivity extends Context.Service<
  OldActivity,
  {
    /** Deletes at most `limit` values that are eight days old and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldActivity") {
  static readonly layer = Layer.effect(
    OldActivity,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldActivity.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from activity_minutes where (minute, measure) in (
            select minute, measure from activity_minutes where minute < ${DateTime.toDate(before)}
            order by minute limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
