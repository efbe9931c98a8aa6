import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The statuses that each delivery had, with their times. Null in rows of older releases. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // A status is only replaced by a higher one, so there are at most seven. Of the form \`[{"status": "sent", "at": "..."}]\`.
  yield* sql`alter table deliveries add column statuses jsonb`
})
