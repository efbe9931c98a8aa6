import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Indexes for the turns of the relay of mails. It takes new mails and retries separately, so that many mails that no queue takes
 * do not delay new ones.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`drop index mail_outbox_waiting`
  yield* sql`
    create index mail_outbox_new on mail_outbox (next_attempt_at) where finished_at is null and attempts = 0`
  yield* sql`
    create index mail_outbox_retries on mail_outbox (next_attempt_at) where finished_at is null and attempts > 0`
  yield* sql`create index mail_outbox_expiring on mail_outbox (expires_at) where finished_at is null`
})
