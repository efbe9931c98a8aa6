import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The not-before time of all sessions, in one row (decision 0042). A session has the time that was in force when it was opened. It
 * has ended if the time in force is later: so whether it was opened before the end of all sessions depends on the order of
 * commits and on no clock.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // `silencing_since` is the first not-before time whose sessions may still have active push tokens, null if none has. Until then
  // `silenced_to` is the last user whose push tokens were looked at.
  yield* sql`
    create table session_cutoff (
      only_row boolean primary key default true check (only_row),
      not_before timestamptz not null,
      silencing_since timestamptz,
      silenced_to uuid
    )`
  yield* sql`insert into session_cutoff (not_before) values ('1970-01-01T00:00:00Z')`
  yield* sql`analyze session_cutoff`
  yield* sql`
    create function session_not_before() returns timestamptz language sql stable as $$
      select not_before from session_cutoff
    $$`
  // A constant first, so that no existing row is rewritten. The default is for the inserts of older releases too.
  yield* sql`alter table sessions add column cutoff timestamptz not null default '1970-01-01T00:00:00Z'`
  yield* sql`alter table sessions alter column cutoff set default session_not_before()`
})
