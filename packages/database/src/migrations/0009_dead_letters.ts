import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Messages that could never be dealt with, until an operator replays or discards them. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // The digest is of all that tells one message from another, so that one that comes twice is there once. The headers are
  // json, not jsonb, which holds no NUL.
  yield* sql`
    create table dead_letters (
      id uuid primary key,
      digest bytea not null check (length(digest) = 32),
      queue text not null,
      reason text not null check (length(reason) between 1 and 100),
      routing_key text not null,
      message_id text,
      content_type text,
      headers json not null,
      body bytea not null,
      size integer not null check (size >= length(body)),
      received_at timestamptz not null,
      constraint dead_letters_digest_key unique (digest)
    )`
  yield* sql`create index dead_letters_reason on dead_letters (reason, id)`
  // For the job that removes old ones.
  yield* sql`create index dead_letters_received_at on dead_letters (received_at)`
})
