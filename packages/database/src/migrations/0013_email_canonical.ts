import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The form of an e-mail address in which the spellings of one mailbox are equal, unique where there is one. Rows that were
 * there get theirs from `EmailCanonicals` after the migration, batch by batch, since a table that is altered is locked.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table users add column email_canonical text`
  yield* sql`
    create unique index users_email_canonical_key on users (email_canonical) where email_canonical is not null`
  // For those that have none yet.
  yield* sql`create index users_email_canonical_missing on users (id) where email_canonical is null`

  // The steps of this kind that are done.
  yield* sql`create table data_steps (name text primary key, finished_at timestamptz not null)`

  // A release before this one goes on writing rows for a while, and so do imports. An address in ASCII is its own canonical
  // form; SQL knows no A-labels, so others wait for `EmailCanonicals`. That release tells of a taken address by the name of
  // the constraint that it knows. An address that is changed without its canonical form loses that.
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
