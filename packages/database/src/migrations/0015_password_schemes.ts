import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Which schemes and costs there are among the stored password hashes is found by this index, with a probe for each. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create index users_password_scheme on users (
      substring(password_hash from '^(?:pbkdf2_sha256\\$[0-9]{1,8}|bcrypt(?:_sha256)?\\$\\$2[aby]\\$[0-9]{2})')
    )`
})
