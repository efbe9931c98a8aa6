import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** What decisions on deliveries were made on, and the decisions that no delivery records (decision 0040). */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // Of the decision that allowed the delivery. Null in rows of older releases, and of notifications that were not resolved here.
  yield* sql`
    alter table deliveries
      add column decided_at timestamptz,
      add column send_at timestamptz,
      add column utc_offset smallint,
      add column preferences_version bigint,
      add column frequency_limit smallint,
      add column charged_count smallint`

  // The last decision on a notification for a user and a channel, if it did not add a delivery: it denied, deferred, or allowed
  // again. \`user_id\` has no foreign key, because unknown users are denied too. \`utc_offset\` is in minutes.
  yield* sql`
    create table delivery_decisions (
      notification_id text not null check (length(notification_id) between 1 and 128),
      user_id uuid not null,
      channel text not null check (channel in ('email', 'push')),
      category text not null check (category in ('marketing', 'transactional', 'security', 'system')),
      decision text not null check (decision in ('allow', 'deny', 'defer')),
      rule text check ((rule is null) = (decision = 'allow')),
      until timestamptz check ((until is not null) = (decision = 'defer')),
      decided_at timestamptz not null,
      send_at timestamptz not null,
      utc_offset smallint,
      preferences_version bigint,
      frequency_limit smallint,
      charged_count smallint,
      primary key (notification_id, user_id, channel)
    )`
  // For the job that deletes old decisions, and for erasures.
  yield* sql`create index delivery_decisions_decided_at on delivery_decisions (decided_at)`
  yield* sql`create index delivery_decisions_user on delivery_decisions (user_id)`

  yield* sql`
    create or replace function forget_delivery() returns trigger language plpgsql as $$
    begin
      new.error := null;
      new.error_code := null;
      new.provider := null;
      new.email_sha256 := null;
      new.is_charged := false;
      new.decided_at := null;
      new.send_at := null;
      new.utc_offset := null;
      new.preferences_version := null;
      new.frequency_limit := null;
      new.charged_count := null;
      return new;
    end
    $$`
  // An older release that erases a user deletes the first thousands of decisions too.
  yield* sql`
    create function forget_decisions_of_user() returns trigger language plpgsql as $$
    begin
      delete from delivery_decisions where (notification_id, user_id, channel) in (
        select notification_id, user_id, channel from delivery_decisions where user_id = old.id limit 2000);
      return null;
    end
    $$`
  yield* sql`
    create trigger users_forget_decisions after delete on users
    for each row execute function forget_decisions_of_user()`
})
