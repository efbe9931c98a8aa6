import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

// Long enough to look up whether and when a mail was published. Its delivery is kept for longer.
const retention = { days: 7 }

/** Deletes the rows of mails that were published or dropped. Their content was removed before. */
export class FinishedMails extends Context.Service<
  FinishedMails,
  {
    /** Deletes at most `limit` mails that were finished seven days ago and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/FinishedMails") {
  static readonly layer = Layer.effect(
    FinishedMails,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("FinishedMails.remove")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, retention)
        const removed = yield* storage.write(sql`
          delete from mail_outbox where id in (
            select id from mail_outbox where finished_at < ${DateTime.toDate(before)}
            order by finished_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
