import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The audit log, partitioned by month, so that old months are dropped as tables. No foreign key: entries outlive the user. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table audit_log (
      id uuid not null,
      user_id uuid,
      actor_id uuid,
      action text not null,
      ip text,
      user_agent text,
      details jsonb not null default '{}',
      created_at timestamptz not null,
      primary key (id, created_at)
    ) partition by range (created_at)`
  yield* sql`create index audit_log_user on audit_log (user_id, created_at)`
  // For entries whose month has no partition.
  yield* sql`create table audit_log_default partition of audit_log default`

  yield* sql`
    create function ensure_audit_partitions(months integer) returns void language plpgsql as $$
    declare
      first_day date;
    begin
      for i in 0..months loop
        first_day := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => i))::date;
        execute format(
          'create table if not exists %I partition of audit_log for values from (%L) to (%L)',
          'audit_log_' || to_char(first_day, 'YYYY_MM'),
          first_day::timestamp at time zone 'UTC',
          (first_day + interval '1 month')::timestamp at time zone 'UTC');
      end loop;
    end
    $$`
  yield* sql`select ensure_audit_partitions(2)`
})
