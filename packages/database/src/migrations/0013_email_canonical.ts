import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The canonical e-mail address, which is the same for all spellings of a mailbox, and unique. `EmailCanonicals` sets it for existing
 * rows after the migration, in batches, because the migration locks the table.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table users add column email_canonical text`
  yield* sql`
    create unique index users_email_canonical_key on users (email_canonical) where email_canonical is not null`
  // Finds the rows without a canonical address.
  yield* sql`create index users_email_canonical_missing on users (id) where email_canonical is null`

  // The completed updates of existing rows.
  yield* sql`create table data_steps (name text primary key, finished_at timestamptz not null)`

  // Older releases and imports continue to write rows without canonical addresses. The trigger derives it from an ASCII address;
  // SQL cannot compute A-labels, so other addresses wait for `EmailCanonicals`. A conflict is raised under the constraint
  // name that older releases know. If only the address changes, its canonical form is removed.
  yield* sql`
    create function set_email_canonical() returns trigger language plpgsql as $$
    begin
      if tg_op = 'UPDATE' then
        if new.email is distinct from old.email and new.email_canonical is not distinct from old.email_canonical then
          new.email_canonical := null;
        end if;
      end if;
      if new.email_canonical is null and length(new.email) = octet_length(new.email) then
        new.email_canonical := lower(new.email);
        if exists (select from users where email_canonical = new.email_canonical and id <> new.id) then
          raise unique_violation using
            constraint = 'users_email_key', table = 'users',
            message = 'another account has this mailbox under another spelling';
        end if;
      end if;
      return new;
    end
    $$`
  yield* sql`
    create trigger users_email_canonical before insert or update of email on users
    for each row execute function set_email_canonical()`
})
