import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Failed logins in a row by the keyed hash of the e-mail, whether an account has it or not. The partial index finds the rows to
 * delete when a flood of addresses fills the table.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table failed_logins (
      email_hash bytea primary key check (octet_length(email_hash) = 32),
      failures integer not null,
      last_failed_at timestamptz not null,
      next_try_at timestamptz
    )`
  yield* sql`create index failed_logins_last_failed_at on failed_logins (last_failed_at)`
  yield* sql`create index failed_logins_few on failed_logins (last_failed_at) where failures < 10`
})
