import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Push tokens. A token is too long for an index, so its SHA-256 is indexed. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table push_tokens (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      session_id uuid references sessions (id) on delete set null,
      token text not null check (length(token) between 1 and 4096),
      token_sha256 bytea not null constraint push_tokens_token_key unique check (length(token_sha256) = 32),
      platform text not null check (platform in ('web', 'android', 'ios')),
      token_type text not null check (token_type in ('fcm', 'apns', 'onesignal', 'vapid', 'expo')),
      device_id text not null default '' check (length(device_id) <= 255),
      device_name text not null default '' check (length(device_name) <= 255),
      is_active boolean not null default true,
      last_used_at timestamptz not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`
  yield* sql`
    create unique index push_tokens_device_key on push_tokens (user_id, device_id, platform) where device_id <> ''`
  yield* sql`create index push_tokens_user on push_tokens (user_id, created_at desc, id desc)`
  yield* sql`create index push_tokens_active on push_tokens (user_id, last_used_at desc) where is_active`
  yield* sql`create index push_tokens_session on push_tokens (session_id) where session_id is not null`
})
