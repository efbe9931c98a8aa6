import { defaultSettings, switches } from "@user-service/domain/Preferences"
import { defaultLanguage, defaultTimeZone } from "@user-service/domain/Profile"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema, String as Str } from "effect"
import { Hex } from "effect/encoding"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { type Query, rows } from "../Rows.ts"
import type { ImportedPushToken, ImportedUser } from "./DjangoUser.ts"

// The statements of the import of the Django service's users (decision 0033).

/** A user with everything that the statements need. */
export interface NewImportedUser extends ImportedUser {
  /** The keyed hashes of the network of the last login, see `KnownNetworks`. Empty if it is unknown or too long ago. */
  readonly networks: ReadonlyArray<{ readonly kind: "address" | "network"; readonly hash: Uint8Array }>
  readonly keptPushTokens: ReadonlyArray<ImportedPushToken>
}

const KnownRow = Schema.Struct({ id: Columns.userId, isErased: Schema.Boolean })
const IdRow = Schema.Struct({ id: Columns.userId })
const ConflictRow = Schema.Struct({ id: Columns.userId, column: Schema.Literals(["email", "username"]) })

// An arbitrary number that no other advisory lock in this database uses.
const lockId = 7_301_531

const iso = DateTime.formatIso
const hex = (bytes: Uint8Array): string => `\\x${Hex.encode(bytes)}`

/** The statements that insert imported users, many per statement. They run in the caller's transaction. */
export class ImportsRepo extends Context.Service<
  ImportsRepo,
  {
    /** Waits until no other import is in a transaction, and keeps others out until the end of this one. */
    readonly lock: Query<void>
    /** Which of these users exist already, or have been erased. Other imports cannot change it while this one has the lock. */
    readonly known: (ids: ReadonlyArray<UserId>) => Query<ReadonlyArray<typeof KnownRow.Type>>
    /** Inserts the accounts whose id, address and username are free, and returns their ids. */
    readonly insertAccounts: (users: ReadonlyArray<NewImportedUser>) => Query<ReadonlyArray<UserId>>
    /** What another account has of these users, which were not inserted. */
    readonly conflicts: (users: ReadonlyArray<NewImportedUser>) => Query<ReadonlyArray<typeof ConflictRow.Type>>
    /** Inserts everything else of users whose accounts were inserted. Returns the number of push tokens, without those of others. */
    readonly insertParts: (users: ReadonlyArray<NewImportedUser>, now: DateTime.Utc) => Query<number>
  }
>()("@user-service/core/imports/ImportsRepo") {
  static readonly layer = Layer.effect(
    ImportsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const settings = [...switches, "doNotDisturbStart", "doNotDisturbEnd", "frequencyLimit"] as const
      const settingColumns = sql.literal(settings.map(Str.camelToSnake).join(", "))
      const settingTypes = sql.literal(
        [
          ...switches.map((name) => `${Str.camelToSnake(name)} boolean`),
          "do_not_disturb_start time, do_not_disturb_end time, frequency_limit integer"
        ].join(", ")
      )

      const insertProfiles = (users: ReadonlyArray<NewImportedUser>) => {
        const json = users.map(({ account, profile }) => ({
          user_id: account.id,
          id: profile?.id ?? null,
          first_name: profile?.firstName ?? "",
          last_name: profile?.lastName ?? "",
          avatar_url: profile?.avatarUrl ?? null,
          timezone: profile?.timezone ?? defaultTimeZone,
          language: profile?.language ?? defaultLanguage,
          bio: profile?.bio ?? "",
          created_at: iso(profile?.createdAt ?? account.createdAt),
          updated_at: iso(profile?.updatedAt ?? account.updatedAt)
        }))
        return sql`
          insert into profiles (user_id, id, first_name, last_name, avatar_url, timezone, language, bio, created_at, updated_at)
          select user_id, coalesce(id, uuid_v7()), first_name, last_name, avatar_url, timezone, language, bio, created_at, updated_at
          from json_to_recordset(${JSON.stringify(json)}::json) as profile (
            user_id uuid, id uuid, first_name text, last_name text, avatar_url text, timezone text, language text, bio text,
            created_at timestamptz, updated_at timestamptz)`
      }

      const insertPreferences = (users: ReadonlyArray<NewImportedUser>) => {
        const json = users.map(({ account, preferences }) => ({
          user_id: account.id,
          id: preferences?.id ?? null,
          ...Object.fromEntries(
            settings.map((name) => [Str.camelToSnake(name), (preferences ?? defaultSettings)[name]])
          ),
          created_at: iso(preferences?.createdAt ?? account.createdAt),
          updated_at: iso(preferences?.updatedAt ?? account.updatedAt)
        }))
        return sql`
          insert into notification_preferences (user_id, id, ${settingColumns}, created_at, updated_at)
          select user_id, coalesce(id, uuid_v7()), ${settingColumns}, created_at, updated_at
          from json_to_recordset(${JSON.stringify(json)}::json) as preferences (
            user_id uuid, id uuid, ${settingTypes}, created_at timestamptz, updated_at timestamptz)`
      }

      // The proof of what a user chose in the Django service.
      const insertHistory = (users: ReadonlyArray<NewImportedUser>, now: DateTime.Utc) => {
        const json = users.flatMap(({ account, preferences }) => {
          const chosen = settings.filter((name) => preferences !== null && preferences[name] !== defaultSettings[name])
          const changes = chosen.map((name) => [name, [defaultSettings[name], preferences?.[name]]])
          return chosen.length === 0 ? [] : [{ user_id: account.id, changes: Object.fromEntries(changes) }]
        })
        return sql`
          insert into preference_history (user_id, version, source, actor_id, changes, created_at)
          select user_id, 1, 'import', null, changes, ${DateTime.toDate(now)}::timestamptz
          from json_to_recordset(${JSON.stringify(json)}::json) as change (user_id uuid, changes jsonb)`
      }

      const insertNetworks = (users: ReadonlyArray<NewImportedUser>) => {
        const json = users.flatMap(({ account, networks }) =>
          networks.map(({ hash, kind }) => ({
            user_id: account.id,
            kind,
            hash: hex(hash),
            last_seen_at: account.lastLoginAt === null ? null : iso(account.lastLoginAt)
          }))
        )
        return sql`
          insert into known_networks (user_id, kind, hash, last_seen_at)
          select user_id, kind, hash, last_seen_at from json_to_recordset(${JSON.stringify(json)}::json)
            as network (user_id uuid, kind text, hash bytea, last_seen_at timestamptz)`
      }

      const insertPushTokens = (users: ReadonlyArray<NewImportedUser>) => {
        const json = users.flatMap(({ account, keptPushTokens }) =>
          keptPushTokens.map((token) => ({
            id: token.id,
            user_id: account.id,
            token: token.token,
            platform: token.platform,
            token_type: token.tokenType,
            device_id: token.deviceId,
            device_name: token.deviceName,
            is_active: token.isActive,
            last_used_at: iso(token.lastUsedAt),
            created_at: iso(token.createdAt),
            updated_at: iso(token.updatedAt)
          }))
        )
        const columns = sql.literal(
          "user_id, token, platform, token_type, device_id, device_name, is_active, last_used_at, created_at, updated_at"
        )
        return sql`
          insert into push_tokens (id, token_sha256, ${columns})
          select coalesce(id, uuid_v7()), sha256(convert_to(token, 'UTF8')), ${columns}
          from json_to_recordset(${JSON.stringify(json)}::json) as token (
            id uuid, user_id uuid, token text, platform text, token_type text, device_id text, device_name text,
            is_active boolean, last_used_at timestamptz, created_at timestamptz, updated_at timestamptz)
          on conflict do nothing returning id`
      }

      const insertAudit = (users: ReadonlyArray<NewImportedUser>, now: DateTime.Utc) => sql`
        insert into audit_log (user_id, action, details, created_at)
        select user_id, 'user.imported', details, ${DateTime.toDate(now)}::timestamptz
        from json_to_recordset(${JSON.stringify(
          users.map(({ account }) => ({
            user_id: account.id,
            details: account.role === null ? {} : { role: account.role }
          }))
        )}::json) as entry (user_id uuid, details jsonb)`

      return {
        lock: Effect.asVoid(sql`select pg_advisory_xact_lock(${lockId}::bigint)`),

        known: (ids) =>
          rows(KnownRow)(sql`
            select id, false as "isErased" from users where id = any(${ids}::uuid[])
            union all select user_id, true from erasures where user_id = any(${ids}::uuid[])`),

        insertAccounts: (users) => {
          const json = users.map(({ account }) => ({
            id: account.id,
            email: account.email,
            email_canonical: account.emailCanonical,
            username: account.username,
            password_hash: account.passwordHash,
            phone_number: account.phoneNumber,
            is_active: account.isActive,
            is_staff: account.role !== null,
            role: account.role,
            is_verified: account.isVerified,
            created_at: iso(account.createdAt),
            updated_at: iso(account.updatedAt),
            last_login_at: account.lastLoginAt === null ? null : iso(account.lastLoginAt)
          }))
          const columns = sql.literal(
            "id, email, email_canonical, username, password_hash, phone_number, is_active, is_staff, role, is_verified, created_at, updated_at, last_login_at"
          )
          return Effect.map(
            rows(IdRow)(sql`
              insert into users (${columns})
              select ${columns} from json_to_recordset(${JSON.stringify(json)}::json) as account (
                id uuid, email text, email_canonical text, username text, password_hash text, phone_number text,
                is_active boolean, is_staff boolean, role text, is_verified boolean, created_at timestamptz,
                updated_at timestamptz, last_login_at timestamptz)
              on conflict do nothing returning id`),
            (inserted) => inserted.map(({ id }) => id)
          )
        },

        conflicts: (users) => {
          const json = users.map(({ account }) => ({
            id: account.id,
            email: account.email,
            email_canonical: account.emailCanonical,
            username: account.username
          }))
          return rows(ConflictRow)(sql`
            with candidate as (
              select * from json_to_recordset(${JSON.stringify(json)}::json)
                as c (id uuid, email text, email_canonical text, username text)
            )
            select c.id, 'email' as column from candidate c join users u on u.email_canonical = c.email_canonical
            union select c.id, 'email' from candidate c join users u on lower(u.email) = lower(c.email)
            union all select c.id, 'username' from candidate c join users u on lower(u.username) = lower(c.username)`)
        },

        insertParts: Effect.fnUntraced(function* (users, now) {
          yield* insertProfiles(users)
          yield* insertPreferences(users)
          yield* insertHistory(users, now)
          yield* insertNetworks(users)
          yield* insertAudit(users, now)
          return (yield* insertPushTokens(users)).length
        })
      }
    })
  )
}
