import { Effect } from "effect"
import type { SqlClient } from "effect/sql"

/** The statements that create the tables of the Django service, as its migrations do. */
export const djangoTables = [
  `create table users (
    id uuid primary key, password varchar(128) not null, last_login timestamptz, is_superuser boolean not null,
    email varchar(254) not null unique, username varchar(150) not null unique, phone_number varchar(20),
    is_verified boolean not null, is_active boolean not null, is_staff boolean not null, last_login_ip inet,
    date_joined timestamptz not null, updated_at timestamptz not null
  )`,
  `create table user_profiles (
    id uuid primary key, user_id uuid not null unique references users (id), first_name varchar(150) not null,
    last_name varchar(150) not null, avatar_url varchar(500), timezone varchar(64) not null, language varchar(35) not null,
    bio text not null, created_at timestamptz not null, updated_at timestamptz not null
  )`,
  `create table notification_preferences (
    id uuid primary key, user_id uuid not null unique references users (id), email_enabled boolean not null,
    email_marketing boolean not null, email_transactional boolean not null, email_security boolean not null,
    email_system boolean not null, push_enabled boolean not null, push_marketing boolean not null,
    push_transactional boolean not null, push_security boolean not null, push_system boolean not null,
    do_not_disturb_start time, do_not_disturb_end time, frequency_limit integer not null,
    created_at timestamptz not null, updated_at timestamptz not null
  )`,
  `create table push_tokens (
    id uuid primary key, user_id uuid not null references users (id), token text not null unique,
    platform varchar(10) not null, token_type varchar(20) not null, device_id varchar(255) not null,
    device_name varchar(255) not null, is_active boolean not null, last_used timestamptz not null,
    created_at timestamptz not null, updated_at timestamptz not null
  )`,
  `create index push_tokens_user_id on push_tokens (user_id)`
]

const id = (kind: number) => `('0193a5c2-7b1b-7d3e-8c0${kind}-' || lpad(to_hex(n), 12, '0'))::uuid`

/** The id of the user number `n`, from 1. */
export const djangoUserId = (n: number): string => `0193a5c2-7b1b-7d3e-8c01-${n.toString(16).padStart(12, "0")}`

/**
 * The statements that insert `count` users, each with a profile, preferences and two push tokens. User `n` has the address
 * `user{n}@example.com` and the given hash of a password.
 */
export const djangoUsers = (count: number, passwordHash: string) => [
  `insert into users
    select ${id(1)}, '${passwordHash}', now() - n * interval '1 minute', false, 'user' || n || '@example.com', 'user' || n,
      '+49 30 ' || n, n % 2 = 0, true, false, ('198.51.' || n / 256 % 256 || '.' || n % 256)::inet,
      now() - interval '1 year', now() - interval '1 day'
    from generate_series(1, ${count}) n`,
  `insert into user_profiles
    select ${id(2)}, ${id(1)}, 'First ' || n, 'Last ' || n, 'https://example.com/' || n || '.png', 'Europe/Berlin', 'de',
      'About ' || n, now(), now()
    from generate_series(1, ${count}) n`,
  `insert into notification_preferences
    select ${id(3)}, ${id(1)}, true, false, true, true, true, true, false, true, true, true, '22:00', '07:30', 20, now(), now()
    from generate_series(1, ${count}) n`,
  `insert into push_tokens
    select ('0193a5c2-7b1b-7d3e-8c04-' || lpad(to_hex(n * 2 + k), 12, '0'))::uuid, ${id(1)},
      'fcm-' || n || '-' || k || '-' || md5(n::text), 'android', 'fcm', 'device-' || k, 'Phone ' || k, true,
      now() - k * interval '1 day', now(), now()
    from generate_series(1, ${count}) n, generate_series(0, 1) k`,
  "analyze"
]

/** Creates the tables of the Django service with users, see {@link djangoUsers}. */
export const makeDjangoTables = (sql: SqlClient.SqlClient, count: number, passwordHash: string) =>
  Effect.forEach([...djangoTables, ...djangoUsers(count, passwordHash)], (statement) => sql.unsafe(statement), {
    discard: true
  })
