import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Long enough for a user to ask support why a notification did not arrive.
const retention = { days: 14 }

/** Deletes decisions on deliveries that no delivery records. Decisions on stored deliveries are kept with these. */
export class OldDeliveryDecisions extends Context.Service<
  OldDeliveryDecisions,
  {
    /** Deletes at most `limit` decisions that are older than 14 days and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldDeliveryDecisions") {
  static readonly layer = Layer.effect(
    OldDeliveryDecisions,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldDeliveryDecisions.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from delivery_decisions where (notification_id, user_id, channel) in (
            select notification_id, user_id, channel from delivery_decisions
            where decided_at < ${DateTime.toDate(before)}
            order by decided_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
