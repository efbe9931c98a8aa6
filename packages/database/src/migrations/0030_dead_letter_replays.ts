import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The dead letters that staff want replayed. A worker publishes and deletes them (decision 0044). */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table dead_letters add column replay_requested_at timestamptz`
  yield* sql`create index dead_letters_to_replay on dead_letters (id) where replay_requested_at is not null`
})
