import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** One-time tokens that are sent by mail, and the password resets that were requested and not handled yet. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // One token per purpose: a new one replaces the older. `email` is the address that the token was sent to. `session_id` is the
  // session that requested a change of address; it may have been deleted since.
  yield* sql`
    create table one_time_tokens (
      user_id uuid not null references users (id) on delete cascade,
      purpose text not null check (purpose in ('password_reset', 'email_verification', 'email_change')),
      token_sha256 bytea not null check (length(token_sha256) = 32),
      email text not null check (length(email) between 3 and 254),
      session_id uuid,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (user_id, purpose)
    )`
  yield* sql`create unique index one_time_tokens_token on one_time_tokens (token_sha256)`
  // For the job that deletes expired tokens.
  yield* sql`create index one_time_tokens_expires_at on one_time_tokens (expires_at)`

  // A request is one row, whether its address is known or not, so that its answer takes the same time. The worker looks the
  // address up and deletes the row.
  yield* sql`
    create table password_reset_requests (
      id uuid primary key default uuid_v7(),
      email text not null check (length(email) <= 254),
      email_canonical text not null,
      ip text,
      user_agent text not null,
      created_at timestamptz not null
    )`
})
