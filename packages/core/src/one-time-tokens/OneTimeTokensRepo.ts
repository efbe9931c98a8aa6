import { canonicalEmail, type Email } from "@user-service/domain/Email"
import type { OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow, type Query } from "../Rows.ts"
import { isSinceCutoff } from "../SessionCutoff.ts"
import type { NewOneTimeToken } from "./OneTimeTokens.ts"

const RecipientRow = Schema.Struct({
  /** The address that the token is sent to. */
  email: Columns.email,
  /** The account's address. The same, except for a change of address. */
  currentEmail: Columns.email,
  language: Columns.language
})
/** Whom a new token is sent to. */
export type TokenRecipient = typeof RecipientRow.Type

const HolderRow = Schema.Struct({
  userId: Columns.userId,
  email: Columns.email,
  username: Columns.username,
  firstName: Schema.String,
  lastName: Schema.String
})
/** The user of a valid token, with the attributes that a new password must not resemble. */
export type TokenHolder = typeof HolderRow.Type

const ConsumedRow = Schema.Struct({
  /** The address that the token was sent to. */
  email: Columns.email,
  /** The session that requested a change of address. */
  sessionId: Schema.NullOr(Columns.sessionId),
  /** The account as it is before the confirmation. */
  currentEmail: Columns.email,
  username: Columns.username,
  isVerified: Schema.Boolean,
  hasPhoneNumber: Schema.Boolean,
  language: Columns.language
})
/** A token that was just used, with its account. */
export type ConsumedToken = typeof ConsumedRow.Type

const HolderEmailRow = Schema.Struct({ email: Columns.email })

/** A token to store. */
interface TokenOf extends Omit<NewOneTimeToken, "token"> {
  readonly userId: UserId
}

/** A change of address to confirm. */
export interface RequestedEmail {
  readonly newEmail: Email
  /** The session that requested the change and survives it. Null if a member of staff did. */
  readonly sessionId: SessionId | null
  /** The hash of the password with which the change was requested. */
  readonly checkedHash: string
}

/** A presented token. */
export interface PresentedToken {
  readonly purpose: OneTimeTokenPurpose
  readonly tokenHash: Uint8Array
  readonly now: DateTime.Utc
}

/** The statements on one-time tokens. The newest token of a purpose replaces the older one. */
export class OneTimeTokensRepo extends Context.Service<
  OneTimeTokensRepo,
  {
    /** None if the account is disabled. */
    readonly insertPasswordReset: (token: TokenOf) => Query<Option.Option<TokenRecipient>>
    /** None if the account is disabled, or its address is verified and not suppressed. */
    readonly insertEmailVerification: (token: TokenOf) => Query<Option.Option<TokenRecipient>>
    /** None if the address is taken or the account's own, the account is disabled, or it has another password hash. */
    readonly insertEmailChange: (token: TokenOf, requested: RequestedEmail) => Query<Option.Option<TokenRecipient>>
    /** Whether the address is neither taken nor the account's own. */
    readonly isEmailAvailable: (userId: UserId, email: Email) => Query<boolean>
    readonly find: (presented: PresentedToken) => Query<Option.Option<TokenHolder>>
    /** Deletes the token if it is valid. Of concurrent transactions exactly one gets it. */
    readonly consume: (userId: UserId, presented: PresentedToken) => Query<Option.Option<ConsumedToken>>
    readonly remove: (userId: UserId, purposes: ReadonlyArray<OneTimeTokenPurpose>) => Query<void>
    /** Deletes the token of a change of address and returns the address, if the account has this password hash. */
    readonly removeEmailChange: (userId: UserId, checkedHash: string) => Query<Option.Option<Email>>
  }
>()("@user-service/core/one-time-tokens/OneTimeTokensRepo") {
  static readonly layer = Layer.effect(
    OneTimeTokensRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const insert = (
        purpose: OneTimeTokenPurpose,
        { createdAt, expiresAt, tokenHash, userId }: TokenOf,
        {
          condition = sql`true`,
          newEmail,
          sessionId
        }: Partial<RequestedEmail> & {
          readonly condition?: Statement.Fragment
        }
      ) =>
        firstRow(RecipientRow)(sql`
          with recipient as (
            select u.id, coalesce(${newEmail ?? null}::text, u.email) as email, u.email as current_email, p.language
            from users u join profiles p on p.user_id = u.id
            where u.id = ${userId} and u.is_active and ${condition}
          ), issued as (
            insert into one_time_tokens (user_id, purpose, token_sha256, email, session_id, created_at, expires_at)
            select id, ${purpose}::text, ${tokenHash}::bytea, email, ${sessionId ?? null}::uuid,
              ${DateTime.toDate(createdAt)}::timestamptz, ${DateTime.toDate(expiresAt)}::timestamptz
            from recipient
            on conflict (user_id, purpose) do update set token_sha256 = excluded.token_sha256, email = excluded.email,
              session_id = excluded.session_id, created_at = excluded.created_at, expires_at = excluded.expires_at
          )
          select email, current_email as "currentEmail", language from recipient`)

      // For a change of address, the token is bound to the new address and to the session that requested it. For any other
      // purpose, to the account's own address. An expired session is not revoked with the others, so its expiry counts too.
      const isValid = ({ now, purpose, tokenHash }: PresentedToken) => sql`
        t.token_sha256 = ${tokenHash} and t.purpose = ${purpose} and t.expires_at > ${DateTime.toDate(now)}
          and u.is_active and (t.purpose = 'email_change' or t.email = u.email)
          and (t.session_id is null or exists (
            select 1 from sessions s
            where s.id = t.session_id and s.revoked_at is null and s.expires_at > ${DateTime.toDate(now)}
              and ${isSinceCutoff(sql, "s")}))`

      // Whether the account `u` may change to the address.
      const isAvailable = (email: Email) => sql`
        u.email <> ${email}
          and not exists (select 1 from users o where lower(o.email) = lower(${email}) and o.id <> u.id)
          and not exists (select 1 from users o where o.email_canonical = ${canonicalEmail(email)} and o.id <> u.id)`

      return {
        insertPasswordReset: (token) => insert("password_reset", token, {}),

        insertEmailVerification: (token) =>
          insert("email_verification", token, {
            condition: sql`(not u.is_verified or exists (
              select 1 from suppressions s where s.user_id = u.id and s.email = u.email))`
          }),

        insertEmailChange: (token, requested) =>
          insert("email_change", token, {
            ...requested,
            condition: sql`u.password_hash = ${requested.checkedHash} and ${isAvailable(requested.newEmail)}`
          }),

        isEmailAvailable: (userId, email) =>
          Effect.map(
            sql`select 1 from users u where u.id = ${userId} and ${isAvailable(email)}`,
            (found) => found.length === 1
          ),

        find: (presented) =>
          firstRow(HolderRow)(sql`
            select u.id as "userId", u.email, u.username, p.first_name as "firstName", p.last_name as "lastName"
            from one_time_tokens t join users u on u.id = t.user_id join profiles p on p.user_id = u.id
            where ${isValid(presented)}`),

        consume: (userId, presented) =>
          firstRow(ConsumedRow)(sql`
            delete from one_time_tokens t using users u, profiles p
            where t.user_id = ${userId} and u.id = t.user_id and p.user_id = u.id and ${isValid(presented)}
            returning t.email, t.session_id as "sessionId", u.email as "currentEmail", u.username,
              u.is_verified as "isVerified", u.phone_number is not null as "hasPhoneNumber", p.language`),

        remove: (userId, purposes) =>
          Effect.asVoid(sql`
            delete from one_time_tokens where user_id = ${userId} and purpose = any(${purposes}::text[])`),

        removeEmailChange: (userId, checkedHash) =>
          Effect.map(
            firstRow(HolderEmailRow)(sql`
              with holder as (
                select id, email from users where id = ${userId} and password_hash = ${checkedHash}
              ), removed as (
                delete from one_time_tokens t using holder where t.user_id = holder.id and t.purpose = 'email_change'
              )
              select email from holder`),
            Option.map(({ email }) => email)
          )
      }
    })
  )
}
