import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Tokens whose device has not been seen for long are silenced. `stale_at` is when that was last done to one, so that it is
 * done once after each time the device was seen: what its owner turns on again by hand stays on.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table push_tokens add column stale_at timestamptz`
  // For the job that looks for the first, and removes the others later on.
  yield* sql`create index push_tokens_live_last_used on push_tokens (last_used_at) where is_active`
  yield* sql`create index push_tokens_silent_last_used on push_tokens (last_used_at) where not is_active`
})
