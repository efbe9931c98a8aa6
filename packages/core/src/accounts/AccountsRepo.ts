import { canonicalEmail, type Email } from "@user-service/domain/Email"
import { Role } from "@user-service/domain/Role"
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
  /** Null for users who are not staff. */
  role: Schema.NullOr(Role),
  /** False: the account is found only by the exact spelling of its address, because another account has the canonical one. */
  hasCanonicalEmail: Schema.Boolean,
  /** The account logged in from the network of this request (see `Origin`) within the last 30 days. */
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
/** The owner of a password, with the attributes that a new password must not resemble. */
export type Owner = typeof OwnerRow.Type

/** The address by which an account is looked up. */
export interface EmailLookup {
  /** The address as typed, without surrounding white space and in lower case. */
  readonly spelling: string
  /** The result of {@link canonicalEmail}. */
  readonly canonical: string
}

/** The columns of a new user, profile and preferences. */
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

/** The constraints that allow one account per mailbox: on the spelling and on the canonical form. */
export const emailConstraints = ["users_email_key", "users_email_canonical_key"] as const

export class AccountsRepo extends Context.Service<
  AccountsRepo,
  {
    /** The credentials of the account with exactly this spelling, else of the account with this canonical address. */
    readonly credentials: (
      email: EmailLookup,
      request: { readonly addressHash: Uint8Array; readonly now: DateTime.Utc }
    ) => Query<Option.Option<Credentials>>
    readonly owner: (userId: UserId) => Query<Option.Option<Owner>>
    /** Returns false if the username is taken. A taken e-mail violates one of {@link emailConstraints}. */
    readonly insert: (user: NewUserRow, now: DateTime.Utc) => Query<boolean>
    /**
     * The number of a free username among `stem1`, `stem2`, ..., found in logarithmic time. It is the lowest one unless
     * there are gaps.
     */
    readonly freeSuffix: (stem: Username) => Query<number>
    /** Replaces the hash `from` by `to`. Returns false if the stored hash is no longer `from`. */
    readonly replacePassword: (userId: UserId, from: string, to: string) => Query<boolean>
    /** Records the login. Returns false if the stored hash is no longer `checkedHash` or the account is not active. */
    readonly recordLogin: (userId: UserId, checkedHash: string, now: DateTime.Utc) => Query<boolean>
    /** The schemes and costs of all stored hashes, as the prefixes of the hashes: `bcrypt_sha256$$2b$12`. */
    readonly passwordSchemes: Query<ReadonlyArray<string>>
  }
>()("@user-service/core/accounts/AccountsRepo") {
  static readonly layer = Layer.effect(
    AccountsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const hasRow = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length === 1)

      // The same expression as in the index users_password_scheme.
      const scheme = sql.literal(
        String.raw`substring(password_hash from '^(?:pbkdf2_sha256\$[0-9]{1,8}|bcrypt(?:_sha256)?\$\$2[aby]\$[0-9]{2})')`
      )

      // Whether a user has the username of the stem and the number n, a column of the statement.
      const isTaken = (stem: Username) =>
        sql`exists (select 1 from users where lower(username) = lower(left(${stem}, 150 - length(n::text)) || n))`

      // Older releases stored networks in the clear, and before that whole IPv6 addresses instead of their /64 networks.
      const networkOfLogin = sql.literal(
        "case when a.ip ~ '^[0-9a-f.]*:[0-9a-f:.]*$' then network(set_masklen(a.ip::inet, 64))::text else a.ip end"
      )

      return {
        credentials: Effect.fnUntraced(function* ({ canonical, spelling }, { addressHash, now }) {
          const { network } = yield* CurrentOrigin
          const knownSince = sql`${DateTime.toDate(now)}::timestamptz - interval '30 days'`
          return yield* firstRow(CredentialsRow)(sql`
            select u.id as "userId", u.password_hash as "passwordHash", u.is_active as "isActive", u.role,
              u.email_canonical is not null as "hasCanonicalEmail",
              exists (
                select 1 from known_networks k
                where k.user_id = u.id and k.kind = 'address' and k.hash = ${addressHash} and k.last_seen_at > ${knownSince}
              ) or exists (
                select 1 from login_addresses a
                where a.user_id = u.id and ${networkOfLogin} = ${network}::text and a.last_login_at > ${knownSince}
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
              role: user.isStaff ? "admin" : null,
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

        // Doubles the number until it is free, then bisects between the last taken and the free one.
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
                ) probe
              )
              select min(suffix) as suffix from halved`),
            (row) => row.suffix
          ),

        replacePassword: (userId, from, to) =>
          hasRow(sql`
            update users set password_hash = ${to} where id = ${userId} and password_hash = ${from} returning id`),

        recordLogin: (userId, checkedHash, now) =>
          hasRow(sql`
            update users set last_login_at = ${DateTime.toDate(now)}
            where id = ${userId} and password_hash = ${checkedHash} and is_active returning id`),

        // One index probe per scheme, independent of the number of users (a loose index scan).
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
