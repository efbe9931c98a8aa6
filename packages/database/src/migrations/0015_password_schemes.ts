import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The index that finds the distinct schemes and costs of the stored password hashes, with one probe each. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create index users_password_scheme on users (
      substring(password_hash from '^(?:pbkdf2_sha256\\$[0-9]{1,8}|bcrypt(?:_sha256)?\\$\\$2[aby]\\$[0-9]{2})')
    )`
})
