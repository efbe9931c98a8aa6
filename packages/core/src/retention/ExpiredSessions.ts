import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Long enough to look up what became of a session.
const retention = { days: 1 }

/** Deletes expired sessions. None of their tokens is valid any more. */
export class ExpiredSessions extends Context.Service<
  ExpiredSessions,
  {
    /** Deletes at most `limit` sessions that expired a day ago and returns their number. It publishes no events. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/ExpiredSessions") {
  static readonly layer = Layer.effect(
    ExpiredSessions,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("ExpiredSessions.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from sessions where id in (
            select id from sessions where expires_at < ${DateTime.toDate(before)}
            order by expires_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
