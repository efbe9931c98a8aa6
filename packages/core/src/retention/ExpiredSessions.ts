import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Long enough that whoever asks what became of a session still finds it.
const keptAfterExpiry = { days: 1 }

/** Sessions that have expired, ended before or not: of no use any more, as no token of theirs is good. */
export class ExpiredSessions extends Context.Service<
  ExpiredSessions,
  {
    /** Deletes `limit` at most of those that expired a day ago; answers how many. Nothing is told: nothing changes by it. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/ExpiredSessions") {
  static readonly layer = Layer.effect(
    ExpiredSessions,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("ExpiredSessions.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, keptAfterExpiry)
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
