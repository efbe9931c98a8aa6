import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Marks sessions of the console for staff, which end when they are idle. An older release beside this one creates none. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table sessions add column is_console boolean not null default false`
})
