import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Addresses that an account was not logged in from for long are removed, by this index. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`create index login_addresses_last_login_at on login_addresses (last_login_at)`
})
