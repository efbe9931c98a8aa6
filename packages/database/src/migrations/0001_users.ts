import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Accounts, profiles and notification preferences, one row of each per user. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // Free space on each page keeps most updates on the same page, without new index entries (HOT updates).
  yield* sql`
    create table users (
      id uuid primary key,
      email text not null check (length(email) between 3 and 254),
      username text not null check (length(username) between 1 and 150),
      password_hash text not null,
      phone_number text check (length(phone_number) between 1 and 20),
      is_active boolean not null default true,
      is_staff boolean not null default false,
      is_verified boolean not null default false,
      version bigint not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      last_login_at timestamptz
    ) with (fillfactor = 85)`
  yield* sql`create unique index users_email_key on users (lower(email))`
  yield* sql`create unique index users_username_key on users (lower(username))`

  yield* sql`
    create table profiles (
      user_id uuid primary key references users (id) on delete cascade,
      id uuid not null unique,
      first_name text not null default '' check (length(first_name) <= 150),
      last_name text not null default '' check (length(last_name) <= 150),
      avatar_url text check (length(avatar_url) <= 500),
      timezone text not null default 'UTC',
      language text not null default 'en',
      bio text not null default '' check (length(bio) <= 2000),
      created_at timestamptz not null,
      updated_at timestamptz not null
    ) with (fillfactor = 85)`

  yield* sql`
    create table notification_preferences (
      user_id uuid primary key references users (id) on delete cascade,
      id uuid not null unique,
      email_enabled boolean not null default true,
      email_marketing boolean not null default true,
      email_transactional boolean not null default true,
      email_security boolean not null default true,
      email_system boolean not null default true,
      push_enabled boolean not null default true,
      push_marketing boolean not null default false,
      push_transactional boolean not null default true,
      push_security boolean not null default true,
      push_system boolean not null default true,
      do_not_disturb_start time,
      do_not_disturb_end time,
      frequency_limit integer not null default 50 check (frequency_limit between 0 and 10000),
      version bigint not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      constraint notification_preferences_quiet_hours check (
        (do_not_disturb_start is null) = (do_not_disturb_end is null)
        and (do_not_disturb_start is null or do_not_disturb_start <> do_not_disturb_end)
      )
    ) with (fillfactor = 85)`
})
