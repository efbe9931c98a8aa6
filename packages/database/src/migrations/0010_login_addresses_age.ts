import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The index for the job that deletes login addresses that an account has not used for long. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`create index login_addresses_last_login_at on login_addresses (last_login_at)`
})
