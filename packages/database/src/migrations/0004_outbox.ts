import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Events to be published. `position` is drawn while the user's row is locked, so the events of a user are in the order of the
 * changes. All events of a user are in the same shard.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table outbox (
      id uuid primary key,
      position bigint not null generated always as identity,
      shard smallint not null generated always as (get_byte(uuid_send(user_id), 15) % 16) stored,
      user_id uuid not null,
      user_version bigint not null,
      event_type text not null,
      payload jsonb not null,
      traceparent text,
      created_at timestamptz not null,
      published_at timestamptz
    )`
  yield* sql`create index outbox_waiting on outbox (shard, position) where published_at is null`
  yield* sql`create index outbox_published on outbox (published_at) where published_at is not null`
  yield* sql`create index outbox_user on outbox (user_id)`
})
