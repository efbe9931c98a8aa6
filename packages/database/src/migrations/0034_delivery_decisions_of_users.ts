import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Decisions of a user in the order of their keys, for the pages of exports. The new index also serves what the old one served. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create index if not exists delivery_decisions_of_user on delivery_decisions (user_id, notification_id, channel)`
  yield* sql`drop index delivery_decisions_user`
})
