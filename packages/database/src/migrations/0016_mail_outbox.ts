import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Mails for the Email service. Apart from the outbox of events: mails have no order, expire, and are never published twice on
 * purpose. The payload, which may hold a one-time token, is removed as soon as the broker has confirmed the mail.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table mail_outbox (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      mail_type text not null,
      payload jsonb,
      traceparent text,
      attempts integer not null default 0,
      created_at timestamptz not null,
      next_attempt_at timestamptz not null,
      expires_at timestamptz not null,
      finished_at timestamptz,
      check ((payload is null) = (finished_at is not null))
    )`
  yield* sql`create index mail_outbox_waiting on mail_outbox (next_attempt_at) where finished_at is null`
  yield* sql`create index mail_outbox_finished on mail_outbox (finished_at) where finished_at is not null`
  yield* sql`create index mail_outbox_user on mail_outbox (user_id)`
})
