import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The time of the password reset that first proved the user's address. Whoever held the account before may be a stranger, so exports
 * do not show client addresses, user agents and device names from before it. Null if no reset proved the address. The rows keep
 * these columns for investigations: emptying them would take longer the more a stranger did.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table users add column origins_hidden_before timestamptz`
})
