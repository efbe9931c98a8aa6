import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Logins use an address for 30 days: see `isKnownAddress` of `AccountsRepo`.
const retention = { days: 30 }

/**
 * Deletes login addresses that older releases stored and that an account has not used for thirty days. The release after the last
 * one that wrote them drops the table (decision 0028).
 */
export class OldLoginAddresses extends Context.Service<
  OldLoginAddresses,
  {
    /** Deletes at most `limit` addresses and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldLoginAddresses") {
  static readonly layer = Layer.effect(
    OldLoginAddresses,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldLoginAddresses.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from login_addresses where (user_id, ip) in (
            select user_id, ip from login_addresses where last_login_at < ${DateTime.toDate(before)}
            order by last_login_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
