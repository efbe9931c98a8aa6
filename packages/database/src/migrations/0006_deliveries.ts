import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Deliveries and their statuses, daily quotas, and e-mail addresses that must not be written to. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // One row per channel of a notification. The row with the notification's first place determines its user, so that concurrent
  // writers create neither a second user nor a second row of a channel. One of the rows has the charge.
  yield* sql`
    create table deliveries (
      id uuid primary key,
      notification_id text not null check (length(notification_id) between 1 and 128),
      place smallint not null check (place in (0, 1)),
      user_id uuid references users (id) on delete set null,
      channel text check (channel in ('email', 'push')),
      category text check (category in ('marketing', 'transactional', 'security', 'system')),
      status text not null check (
        status in ('pending', 'sent', 'failed', 'delivered', 'opened', 'bounced', 'complained')
      ),
      bounce text check (bounce in ('soft', 'hard')),
      error text,
      error_code text,
      provider text,
      email_sha256 bytea check (length(email_sha256) = 32),
      charged_on date,
      is_charged boolean not null default false check (not is_charged or charged_on is not null),
      created_at timestamptz not null,
      updated_at timestamptz not null,
      constraint deliveries_notification_key unique (notification_id, place)
    ) with (fillfactor = 85)`
  yield* sql`create index deliveries_user on deliveries (user_id, created_at desc, id desc)`
  yield* sql`create index deliveries_charges on deliveries (user_id, charged_on) where is_charged`
  // For the job that deletes old deliveries.
  yield* sql`create index deliveries_created_at on deliveries (created_at)`

  // Remembers the notifications of erased users, to distinguish their late statuses from statuses of unknown notifications.
  yield* sql`
    create function forget_delivery() returns trigger language plpgsql as $$
    begin
      new.error := null;
      new.error_code := null;
      new.provider := null;
      new.email_sha256 := null;
      new.is_charged := false;
      return new;
    end
    $$`
  yield* sql`
    create trigger deliveries_forget before update of user_id on deliveries
    for each row when (new.user_id is null) execute function forget_delivery()`

  // Incremented when charges change without Redis. The counts in Redis are invalid then.
  yield* sql`alter table notification_preferences add column cap_epoch integer not null default 0`

  yield* sql`
    create table suppressions (
      user_id uuid primary key references users (id) on delete cascade,
      email text not null,
      reason text not null check (reason in ('hard_bounce', 'complaint')),
      created_at timestamptz not null
    )`
})
