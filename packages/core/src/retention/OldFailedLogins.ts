import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Logins forget the failures of an e-mail after this time: see `FailedLogins`.
const retention = { days: 30 }

/** Deletes counts of failed logins. */
export class OldFailedLogins extends Context.Service<
  OldFailedLogins,
  {
    /** Deletes at most `limit` counts whose last failure is thirty days old and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
    /**
     * Deletes at most `limit` of the oldest counts below ten beyond the newest `kept` ones and returns their number, so that a
     * flood of made-up addresses does not fill the database. The counts of attacked accounts are higher.
     */
    readonly removeBeyond: (kept: number, limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldFailedLogins") {
  static readonly layer = Layer.effect(
    OldFailedLogins,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldFailedLogins.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from failed_logins where email_hash in (
            select email_hash from failed_logins where last_failed_at < ${DateTime.toDate(before)}
            order by last_failed_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      // The condition on the number of failures is that of the index failed_logins_few, which alone finds the newest of them.
      const removeBeyond = Effect.fn("OldFailedLogins.removeBeyond")(function* (kept: number, limit: number) {
        const removed = yield* storage.write(sql`
          delete from failed_logins where email_hash in (
            select email_hash from failed_logins
            where failures < 10 and last_failed_at <= (
              select last_failed_at from failed_logins where failures < 10
              order by last_failed_at desc offset ${kept} limit 1)
            order by last_failed_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove, removeBeyond }
    })
  )
}
