import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * A month partition that is created late takes over its entries from the default partition. PostgreSQL refuses a new partition
 * while the default partition has entries of that month, and later months could then not be created either.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create or replace function ensure_audit_partitions(months integer) returns void language plpgsql as $$
    declare
      first_day date;
      begins timestamptz;
      ends timestamptz;
      name text;
    begin
      for i in 0..months loop
        first_day := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => i))::date;
        begins := first_day::timestamp at time zone 'UTC';
        ends := (first_day + interval '1 month')::timestamp at time zone 'UTC';
        name := 'audit_log_' || to_char(first_day, 'YYYY_MM');
        continue when to_regclass(name) is not null;
        -- As it would be for the new partition: until the end of the transaction nobody writes to the log.
        lock table audit_log in access exclusive mode;
        -- Another may have made it while this waited.
        continue when to_regclass(name) is not null;
        execute format('create table %I (like audit_log including all)', name);
        execute format(
          'with moved as (delete from audit_log_default where created_at >= %L and created_at < %L returning *)
           insert into %I select * from moved', begins, ends, name);
        execute format('alter table audit_log attach partition %I for values from (%L) to (%L)', name, begins, ends);
      end loop;
    end
    $$`
})
