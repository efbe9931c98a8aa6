import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Dead letters: messages that could not be processed, until an operator replays or discards them. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // The digest covers all properties of a message, so that a message that arrives twice is stored once. The headers are json,
  // because jsonb cannot store NUL.
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
  // For the job that deletes old dead letters.
  yield* sql`create index dead_letters_received_at on dead_letters (received_at)`
})
