import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** Deletes deliveries past their retention. */
export class OldDeliveries extends Context.Service<
  OldDeliveries,
  {
    /**
     * Deletes at most `limit` deliveries created before `before` and returns their number. A later status report for one of
     * them is that of an unknown notification.
     */
    readonly remove: (before: DateTime.Utc, limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldDeliveries") {
  static readonly layer = Layer.effect(
    OldDeliveries,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldDeliveries.remove")(function* (before: DateTime.Utc, limit: number) {
        const removed = yield* storage.write(sql`
          delete from deliveries where id in (
            select id from deliveries where created_at < ${DateTime.toDate(before)}
            order by created_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
