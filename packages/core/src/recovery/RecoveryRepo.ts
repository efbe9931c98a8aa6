import { canonicalEmail, type Email } from "@user-service/domain/Email"
import type { UserId, Username } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { SecretTokenRow, type SecretToken } from "../push-tokens/PushTokenRows.ts"
import { secretTokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { firstRow, type Query, rows } from "../Rows.ts"

const AddressRow = Schema.Struct({ email: Columns.email })

/** The statements that confirmations make on the account. All run in the transaction of a change. */
export class RecoveryRepo extends Context.Service<
  RecoveryRepo,
  {
    /** The user's address, if it is not verified or is suppressed. */
    readonly unprovedEmail: (userId: UserId) => Query<Option.Option<Email>>
    /** Marks the address as verified and lifts its suppression: whoever confirmed reads its mail. */
    readonly verifyEmail: (userId: UserId, now: DateTime.Utc) => Query<void>
    readonly setPassword: (userId: UserId, passwordHash: string) => Query<void>
    readonly removePhoneNumber: (userId: UserId) => Query<void>
    /** Deletes all push tokens of the user and returns them as they were. */
    readonly removePushTokens: (userId: UserId) => Query<ReadonlyArray<SecretToken>>
    /** Hides client addresses, user agents and device names from before `before` in exports of the user. */
    readonly hideOrigins: (userId: UserId, before: DateTime.Utc) => Query<void>
    /** Violates one of the constraints on addresses or the one on usernames if another account has them. */
    readonly changeEmail: (userId: UserId, email: Email, username: Username) => Query<void>
  }
>()("@user-service/core/recovery/RecoveryRepo") {
  static readonly layer = Layer.effect(
    RecoveryRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      return {
        unprovedEmail: (userId) =>
          Effect.map(
            firstRow(AddressRow)(sql`
              select u.email from users u where u.id = ${userId} and (not u.is_verified or exists (
                select 1 from suppressions s where s.user_id = u.id and s.email = u.email))`),
            Option.map((row) => row.email)
          ),

        verifyEmail: (userId, now) =>
          Effect.asVoid(sql`
            with lifted as (delete from suppressions where user_id = ${userId})
            update users set is_verified = true, updated_at = ${DateTime.toDate(now)} where id = ${userId}`),

        setPassword: (userId, passwordHash) =>
          Effect.asVoid(sql`update users set password_hash = ${passwordHash} where id = ${userId}`),

        removePhoneNumber: (userId) => Effect.asVoid(sql`update users set phone_number = null where id = ${userId}`),

        removePushTokens: (userId) =>
          rows(SecretTokenRow)(sql`
            delete from push_tokens where user_id = ${userId} returning ${sql.literal(secretTokenColumns)}`),

        hideOrigins: (userId, before) =>
          Effect.asVoid(sql`
            update users set origins_hidden_before = ${DateTime.toDate(before)} where id = ${userId}`),

        changeEmail: (userId, email, username) =>
          Effect.asVoid(sql`
            update users set email = ${email}, email_canonical = ${canonicalEmail(email)}, username = ${username}
            where id = ${userId}`)
      }
    })
  )
}
