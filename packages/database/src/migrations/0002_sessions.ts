import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Sessions, and the IP addresses that an account logged in from. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table sessions (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      device_name text not null default '' check (length(device_name) <= 255),
      user_agent text not null default '',
      ip text,
      generation integer not null default 1 check (generation >= 1),
      refresh_token_hash bytea not null check (length(refresh_token_hash) = 32),
      previous_refresh_token_hash bytea check (length(previous_refresh_token_hash) = 32),
      created_at timestamptz not null,
      refreshed_at timestamptz not null,
      last_seen_at timestamptz not null,
      expires_at timestamptz not null,
      revoked_at timestamptz,
      revoked_reason text check (revoked_reason in (
        'logout', 'logout_all', 'revoked', 'password_changed', 'reuse_detected', 'disabled', 'erased'
      )),
      check ((revoked_at is null) = (revoked_reason is null))
    ) with (fillfactor = 85)`
  yield* sql`create index sessions_live on sessions (user_id, created_at desc) where revoked_at is null`
  // For the job that deletes ended sessions, and for the erasure of a user.
  yield* sql`create index sessions_expires_at on sessions (expires_at)`
  yield* sql`create index sessions_user_id on sessions (user_id)`

  yield* sql`
    create table login_addresses (
      user_id uuid not null references users (id) on delete cascade,
      ip text not null,
      last_login_at timestamptz not null,
      primary key (user_id, ip)
    )`
})
