import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Events that this release cannot decode are set aside, so that they do not block others. They stay until a replay retries
 * them.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table outbox add column set_aside_at timestamptz`
  yield* sql`drop index outbox_waiting`
  yield* sql`
    create index outbox_waiting on outbox (shard, position) where published_at is null and set_aside_at is null`
  yield* sql`create index outbox_set_aside on outbox (position) where set_aside_at is not null`
})
