import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Indexes for the erasure of a user, which deletes the requests for their address. Without a worker they may be many. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`create index password_reset_requests_email on password_reset_requests (email)`
  yield* sql`create index password_reset_requests_email_canonical on password_reset_requests (email_canonical)`
})
