import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Erased users, and the end of the foreign key that nulled all deliveries of a deleted user in one statement: with 100,000
 * deliveries it took 2.6 s (decision 0031). A trigger nulls the first thousands, and `Erasures` the others in batches.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // `search_terms` are the texts by which dead letters of the user are found. They are personal data, so they end with the
  // erasure; what stays is an id and two times.
  yield* sql`
    create table erasures (
      user_id uuid primary key,
      erased_at timestamptz not null,
      finished_at timestamptz,
      search_terms text[],
      constraint erasures_search_terms check ((search_terms is null) = (finished_at is not null))
    )`
  yield* sql`create index erasures_unfinished on erasures (erased_at) where finished_at is null`
  // For the export of erasures since a time.
  yield* sql`create index erasures_erased_at on erasures (erased_at)`

  yield* sql`alter table deliveries drop constraint deliveries_user_id_fkey`
  yield* sql`
    create function forget_deliveries_of_user() returns trigger language plpgsql as $$
    begin
      update deliveries set user_id = null where id in (
        select id from deliveries where user_id = old.id order by created_at desc, id desc limit 2000);
      return null;
    end
    $$`
  yield* sql`
    create trigger users_forget_deliveries after delete on users
    for each row execute function forget_deliveries_of_user()`

  // Entries about other users that the user made as a member of staff.
  yield* sql`
    create index audit_log_actor on audit_log (actor_id, created_at) where actor_id is distinct from user_id`
})
