import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The role of a member of staff. It replaces `is_staff`, which older releases still write for the superusers that they create;
 * the next release drops that column. The trigger derives the role from it, also beside an older release.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    alter table users add column role text constraint users_role check (role in ('viewer', 'support', 'admin'))`
  yield* sql`update users set role = 'admin' where is_staff`
  yield* sql`create index users_role on users (role) where role is not null`
  yield* sql`
    create function set_role_of_staff() returns trigger language plpgsql as $$
    begin
      new.role := 'admin';
      return new;
    end
    $$`
  yield* sql`
    create trigger users_role_of_staff before insert on users
    for each row when (new.is_staff and new.role is null) execute function set_role_of_staff()`
})
