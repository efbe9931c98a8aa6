import { canonicalEmail, type Email } from "@user-service/domain/Email"
import type { PhoneNumber, UserId, Username } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CurrentOrigin } from "../Origin.ts"
import { firstRow, onlyRow, type Query, rows } from "../Rows.ts"

const CredentialsRow = Schema.Struct({
  userId: Columns.userId,
  passwordHash: Schema.String,
  isActive: Schema.Boolean,
  /** Found by any spelling of its address; otherwise by the exact one alone. */
  hasCanonicalEmail: Schema.Boolean,
  /** The account logged in from the present network, see `Origin`, within the last 30 days. */
  isKnownAddress: Schema.Boolean
})
export type Credentials = typeof CredentialsRow.Type

const OwnerRow = Schema.Struct({
  passwordHash: Schema.String,
  email: Columns.email,
  username: Columns.username,
  firstName: Schema.String,
  lastName: Schema.String
})
/** Who a password belongs to, and what it must not resemble. */
export type Owner = typeof OwnerRow.Type

/** An address to look an account up by. */
export interface EmailLookup {
  /** As it was typed, but for white space and case. */
  readonly spelling: string
  /** Of {@link canonicalEmail}. */
  readonly canonical: string
}

/** A user to be made, with everything every user has. */
export interface NewUserRow {
  readonly id: UserId
  readonly profileId: string
  readonly preferencesId: string
  readonly email: Email
  readonly username: Username
  readonly passwordHash: string
  readonly phoneNumber: PhoneNumber | null
  readonly firstName: string
  readonly lastName: string
  readonly emailEnabled: boolean
  readonly pushEnabled: boolean
  readonly isStaff: boolean
}

/** What keeps two accounts from having one mailbox: the spelling, and the canonical form. */
export const emailConstraints = ["users_email_key", "users_email_canonical_key"] as const

export class AccountsRepo extends Context.Service<
  AccountsRepo,
  {
    /** Of the account with exactly this spelling, or else of the one whose mailbox it is. */
    readonly credentials: (email: EmailLookup, now: DateTime.Utc) => Query<Option.Option<Credentials>>
    readonly owner: (userId: UserId) => Query<Option.Option<Owner>>
    /** False when the username is taken; a taken e-mail is a violation of one of {@link emailConstraints}. */
    readonly insert: (user: NewUserRow, now: DateTime.Utc) => Query<boolean>
    /** One of `stem1`, `stem2`, ... that nobody has: the first unless there are gaps, found in logarithmic time. */
    readonly freeSuffix: (stem: Username) => Query<number>
    /** Sets the new hash where the old one still stands, and answers whether it did. */
    readonly replacePassword: (userId: UserId, from: string, to: string) => Query<boolean>
    /** Notes the login where the checked hash still stands and the account is active, and answers whether it did. */
    readonly recordLogin: (userId: UserId, checkedHash: string, now: DateTime.Utc) => Query<boolean>
    /** Notes that the account's owner came from the present network. */
    readonly knowAddress: (userId: UserId, now: DateTime.Utc) => Query<void>
    /** The schemes of the stored hashes with their costs, by the beginnings of the hashes: `bcrypt_sha256$$2b$12`. */
    readonly passwordSchemes: Query<ReadonlyArray<string>>
  }
>()("@user-service/core/accounts/AccountsRepo") {
  static readonly layer = Layer.effect(
    AccountsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const holds = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length === 1)

      // As in the index users_password_scheme.
      const scheme = sql.literal(
        String.raw`substring(password_hash from '^(?:pbkdf2_sha256\$[0-9]{1,8}|bcrypt(?:_sha256)?\$\$2[aby]\$[0-9]{2})')`
      )

      // Whether somebody has the stem with the number n of the statement behind it.
      const isTaken = (stem: Username) =>
        sql`exists (select 1 from users where lower(username) = lower(left(${stem}, 150 - length(n::text)) || n))`

      // Versions before this one stored the whole address of a client over IPv6.
      const networkOfLogin = sql.literal(
        "case when a.ip ~ '^[0-9a-f.]*:[0-9a-f:.]*$' then network(set_masklen(a.ip::inet, 64))::text else a.ip end"
      )

      const knowAddress = Effect.fnUntraced(function* (userId: UserId, now: DateTime.Utc) {
        const { ip, network } = yield* CurrentOrigin
        if (ip === null) return
        yield* sql`
          insert into login_addresses ${sql.insert({ user_id: userId, ip: network, last_login_at: DateTime.toDate(now) })}
          on conflict (user_id, ip) do update set last_login_at = excluded.last_login_at`
      })

      return {
        credentials: Effect.fnUntraced(function* ({ canonical, spelling }, now) {
          const { network } = yield* CurrentOrigin
          return yield* firstRow(CredentialsRow)(sql`
            select u.id as "userId", u.password_hash as "passwordHash", u.is_active as "isActive",
              u.email_canonical is not null as "hasCanonicalEmail",
              exists (
                select 1 from login_addresses a where a.user_id = u.id and ${networkOfLogin} = ${network}::text
                  and a.last_login_at > ${DateTime.toDate(now)}::timestamptz - interval '30 days'
              ) as "isKnownAddress"
            from users u where lower(u.email) = ${spelling} or u.email_canonical = ${canonical}
            order by lower(u.email) = ${spelling} desc limit 1`)
        }),

        owner: (userId) =>
          firstRow(OwnerRow)(sql`
            select u.password_hash as "passwordHash", u.email, u.username,
              p.first_name as "firstName", p.last_name as "lastName"
            from users u join profiles p on p.user_id = u.id where u.id = ${userId}`),

        insert: Effect.fnUntraced(function* (user, now) {
          const at = DateTime.toDate(now)
          const stamps = { created_at: at, updated_at: at }
          const inserted = yield* sql`
            insert into users ${sql.insert({
              id: user.id,
              email: user.email,
              email_canonical: canonicalEmail(user.email),
              username: user.username,
              password_hash: user.passwordHash,
              phone_number: user.phoneNumber,
              is_staff: user.isStaff,
              ...stamps
            })} on conflict (lower(username)) do nothing returning id`
          if (inserted.length === 0) return false
          yield* sql`
            insert into profiles ${sql.insert({
              id: user.profileId,
              user_id: user.id,
              first_name: user.firstName,
              last_name: user.lastName,
              ...stamps
            })}`
          yield* sql`
            insert into notification_preferences ${sql.insert({
              id: user.preferencesId,
              user_id: user.id,
              email_enabled: user.emailEnabled,
              push_enabled: user.pushEnabled,
              ...stamps
            })}`
          return true
        }),

        // Doubles until one is free, then halves the distance to one that is taken.
        freeSuffix: (stem) =>
          Effect.map(
            onlyRow(Schema.Struct({ suffix: Schema.Int }))(sql`
              with recursive doubled (n) as (
                select 1 union all select n * 2 from doubled where n < 1000000 and ${isTaken(stem)}
              ), halved (below, suffix) as (
                select max(n) / 2, max(n) from doubled
                union all
                select case when taken then n else below end, case when taken then suffix else n end
                from (
                  select below, suffix, n, ${isTaken(stem)} as taken
                  from (select below, suffix, (below + suffix) / 2 as n from halved where suffix - below > 1) middle
                ) asked
              )
              select min(suffix) as suffix from halved`),
            (row) => row.suffix
          ),

        replacePassword: (userId, from, to) =>
          holds(sql`
            update users set password_hash = ${to} where id = ${userId} and password_hash = ${from} returning id`),

        recordLogin: Effect.fnUntraced(function* (userId, checkedHash, now) {
          const at = DateTime.toDate(now)
          const recorded = yield* holds(sql`
            update users set last_login_at = ${at}
            where id = ${userId} and password_hash = ${checkedHash} and is_active returning id`)
          if (recorded) yield* knowAddress(userId, now)
          return recorded
        }),

        knowAddress,

        // A probe of the index for each scheme, however many users there are.
        passwordSchemes: Effect.map(
          rows(Schema.Struct({ scheme: Schema.String }))(sql`
            with recursive schemes (scheme) as (
              (select ${scheme} from users where ${scheme} > '' order by ${scheme} limit 1)
              union all
              select (select ${scheme} from users where ${scheme} > schemes.scheme order by ${scheme} limit 1)
              from schemes where schemes.scheme is not null
            )
            select scheme from schemes where scheme is not null limit 1000`),
          (found) => found.map((row) => row.scheme)
        )
      }
    })
  )
}
