import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Tokens of devices that have not been seen for long are disabled. `stale_at` is when that last happened, so that it happens once
 * after each time the device was seen: a token that its owner enables again stays enabled.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table push_tokens add column stale_at timestamptz`
  // For the job that disables stale tokens and later deletes them.
  yield* sql`create index push_tokens_live_last_used on push_tokens (last_used_at) where is_active`
  yield* sql`create index push_tokens_silent_last_used on push_tokens (last_used_at) where not is_active`
})
