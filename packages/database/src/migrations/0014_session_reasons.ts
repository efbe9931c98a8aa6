import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** More reasons for the end of a session. The old reasons stay valid, so existing rows need no check. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`alter table sessions drop constraint sessions_revoked_reason_check`
  yield* sql`
    alter table sessions add constraint sessions_revoked_reason_check check (revoked_reason in (
      'logout', 'logout_all', 'revoked', 'password_changed', 'password_reset', 'email_changed', 'reuse_detected',
      'evicted', 'disabled', 'admin', 'idle', 'erased'
    )) not valid`
})
