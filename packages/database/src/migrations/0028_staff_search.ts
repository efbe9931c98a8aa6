import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The indexes of the user search and the audit pages of staff (decision 0041). Each has `if not exists`, so that an operator with
 * large tables can build it concurrently before the upgrade. See `infra/docs/upgrading.md`.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // The orders of the search, with the key of its pages. A user who never logged in is before all others.
  yield* sql`create index if not exists users_created_at on users (created_at, id)`
  yield* sql`
    create index if not exists users_last_login_at on users ((coalesce(last_login_at, timestamptz '-infinity')), id)`
  // Prefixes, and the order by address. The order of a locale has no ranges that are prefixes, and changes with the C library. The
  // columns themselves let the search count a range without reading the table (PostgreSQL 17, section 11.9).
  yield* sql`
    create index if not exists users_email_prefix on users ((lower(email)) collate "C", id) include (email)`
  yield* sql`
    create index if not exists users_username_prefix on users ((lower(username)) collate "C") include (username)`
  // Numbers are stored as typed, and found without the characters that only group digits.
  yield* sql`
    create index if not exists users_phone_number on users ((translate(phone_number, ' ()-', '')))
    where phone_number is not null`
  // The states that few users have. Few are also suppressed, which is a table of its own, or have a role, which has an index.
  yield* sql`create index if not exists users_disabled on users (id) where not is_active`
  yield* sql`create index if not exists users_unverified on users (id) where not is_verified`

  // Pages of the whole log, and of one action. Pages of a user have audit_log_user; those of an actor have that index for what
  // users did to their own accounts, and audit_log_actor for the rest.
  yield* sql`create index if not exists audit_log_created_at on audit_log (created_at, id)`
  yield* sql`create index if not exists audit_log_action on audit_log (action, created_at, id)`
})
