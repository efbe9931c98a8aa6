// The end of all sessions of all users, as conditions of statements (decision 0042). The subqueries read the one row of
// `session_cutoff` once per statement.
import type { SqlClient, Statement } from "effect/sql"

/** A condition: the session, a row of `sessions` with this alias, was opened since the last end of all sessions. */
export const isSinceCutoff = (sql: SqlClient.SqlClient, alias: string): Statement.Fragment =>
  sql.literal(`${alias}.cutoff >= (select not_before from session_cutoff)`)

/**
 * A condition: no end of all sessions has silenced the push token, a row of `push_tokens` with this alias. True for all tokens as soon
 * as the silenced ones are deactivated, so that sessions are looked up only until then. With `offset 0` each is looked up by its
 * index: the planner could otherwise read all sessions into a hash table.
 */
export const isNotSilenced = (sql: SqlClient.SqlClient, alias: string): Statement.Fragment =>
  sql.literal(`(
    (select silencing_since from session_cutoff) is null
    or not exists (select from sessions s where s.id = ${alias}.session_id and ${silencedSession} offset 0))`)

// The session was alive when all sessions ended: one that had merely expired silences nothing.
const silencedSession = `s.cutoff < (select not_before from session_cutoff) and s.revoked_at is null
  and s.expires_at > (select silencing_since from session_cutoff)`

/** A condition: the session, a row of `sessions` named `s`, ended with all others, and its push tokens may be active still. */
export const isSilencedSession = (sql: SqlClient.SqlClient): Statement.Fragment => sql.literal(silencedSession)

/** An expression over a row of `sessions`: when the session ended with all others, the last time if it was several. Null if it did not. */
export const endOfAll = `(
  select not_before from session_cutoff where not_before > cutoff and not_before < expires_at)`
