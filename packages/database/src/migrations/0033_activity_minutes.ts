import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The activity of the service for the plots of the console (decision 0046): the sum of a count, or the highest sample, in each minute.
 * A minute in which nothing was counted has no row. The key begins with the minute, by which rows are read and deleted.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // Rows of the current minute are updated a few times.
  yield* sql`
    create table activity_minutes (
      minute timestamptz not null,
      measure text not null,
      value bigint not null check (value >= 0),
      primary key (minute, measure)
    ) with (fillfactor = 70)`
})
