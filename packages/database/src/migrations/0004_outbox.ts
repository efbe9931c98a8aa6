import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Events on their way out. `position` is drawn while the user's row is locked, so a user's events stand in the order of
 * their changes; a shard is always the same user's.
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
