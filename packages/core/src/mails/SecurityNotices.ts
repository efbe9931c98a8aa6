import { type Mail, type SecurityNoticeKind, SecurityNoticeMail } from "@user-service/domain/Mail"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CurrentOrigin } from "../Origin.ts"
import { type Query, rows } from "../Rows.ts"

const RecipientRow = Schema.Struct({ email: Columns.email, language: Columns.language })

/** Composes the mails that tell users about what an attacker could have done. */
export class SecurityNotices extends Context.Service<
  SecurityNotices,
  {
    /**
     * The notice to the user's current address, with the time, address and user agent of this request: the `mails` of a change.
     * Empty if the user does not exist. Runs in the caller's transaction and writes nothing.
     */
    readonly compose: (userId: UserId, kind: SecurityNoticeKind) => Query<ReadonlyArray<Mail>>
  }
>()("@user-service/core/mails/SecurityNotices") {
  static readonly layer = Layer.effect(
    SecurityNotices,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const compose = Effect.fn("SecurityNotices.compose")(function* (userId: UserId, kind: SecurityNoticeKind) {
        const { ip, userAgent } = yield* CurrentOrigin
        const at = yield* DateTime.now
        const recipients = yield* rows(RecipientRow)(sql`
          select u.email, p.language from users u join profiles p on p.user_id = u.id where u.id = ${userId}`)
        return recipients.map(
          ({ email, language }) => new SecurityNoticeMail({ userId, email, language, kind, at, ip, userAgent })
        )
      })

      return { compose }
    })
  )
}
