import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The outcomes of requests with an `Idempotency-Key`, for 24 hours. Key and body are stored as keyed hashes. The password is
 * recognised by the SHA-256 of its salted hash, so that no outdated hash is kept.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table idempotency_keys (
      route text not null,
      key_hash bytea not null,
      body_hash bytea not null,
      user_id uuid not null references users (id) on delete cascade,
      password_fingerprint bytea not null,
      created_at timestamptz not null,
      primary key (route, key_hash)
    )`
  yield* sql`create index idempotency_keys_age on idempotency_keys (created_at)`
  yield* sql`create index idempotency_keys_user on idempotency_keys (user_id)`
})
