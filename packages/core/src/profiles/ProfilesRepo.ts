import { Preferences } from "@user-service/domain/Preferences"
import { Profile, ProfilePatch } from "@user-service/domain/Profile"
import { AccountPatch, User, type UserId, type UserPatch } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema, String, Struct } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { PreferencesRow, preferencesColumns } from "../preferences/PreferencesRepo.ts"
import { firstRow, type Query, rows } from "../Rows.ts"

const UserRow = Schema.Struct({
  ...PreferencesRow.fields,
  userId: Columns.userId,
  email: Columns.email,
  username: Columns.username,
  phoneNumber: Schema.NullOr(Columns.phoneNumber),
  isVerified: Schema.Boolean,
  isActive: Schema.Boolean,
  userCreatedAt: Columns.time,
  userUpdatedAt: Columns.time,
  lastLoginAt: Schema.NullOr(Columns.time),
  userVersion: Schema.Int,
  profileId: Schema.String,
  firstName: Schema.String,
  lastName: Schema.String,
  avatarUrl: Schema.NullOr(Columns.avatarUrl),
  timezone: Columns.timeZone,
  language: Columns.language,
  bio: Schema.String,
  profileCreatedAt: Columns.time,
  profileUpdatedAt: Columns.time,
  pushTokensCount: Schema.Int
})

const accountFields = Struct.keys(AccountPatch.fields)
const profileFields = Struct.keys(ProfilePatch.fields)

const selectList = (alias: string, fields: ReadonlyArray<string>) =>
  fields.map((field) => `${alias}.${String.camelToSnake(field)} as "${field}"`).join(", ")

// The columns of the given fields that the patch has.
const columnsOf = (patch: UserPatch, fields: ReadonlyArray<keyof UserPatch>) =>
  Object.fromEntries(
    fields.flatMap((field) => (patch[field] === undefined ? [] : [[String.camelToSnake(field), patch[field]]]))
  )

const NamesRow = Schema.Struct({ email: Columns.email, username: Columns.username })

const withoutChecks = { disableChecks: true } as const

const toUser = (row: typeof UserRow.Type): User =>
  new User(
    {
      id: row.userId,
      email: row.email,
      username: row.username,
      phoneNumber: row.phoneNumber,
      isVerified: row.isVerified,
      isActive: row.isActive,
      createdAt: row.userCreatedAt,
      updatedAt: row.userUpdatedAt,
      lastLoginAt: row.lastLoginAt,
      profile: new Profile(
        {
          id: row.profileId,
          firstName: row.firstName,
          lastName: row.lastName,
          avatarUrl: row.avatarUrl,
          timezone: row.timezone,
          language: row.language,
          bio: row.bio,
          createdAt: row.profileCreatedAt,
          updatedAt: row.profileUpdatedAt
        },
        withoutChecks
      ),
      preferences: new Preferences(row, withoutChecks),
      pushTokensCount: row.pushTokensCount,
      version: row.userVersion
    },
    withoutChecks
  )

export class ProfilesRepo extends Context.Service<
  ProfilesRepo,
  {
    /** The whole user, in one statement. */
    readonly find: (id: UserId) => Query<Option.Option<User>>
    /** The users that exist, in one statement, in no order. */
    readonly findMany: (ids: ReadonlyArray<UserId>) => Query<ReadonlyArray<User>>
    /** The e-mail and the username of the user. */
    readonly findNames: (id: UserId) => Query<Option.Option<typeof NamesRow.Type>>
    /** Applies the patch. A taken username violates `users_username_key`. */
    readonly update: (id: UserId, patch: UserPatch, now: DateTime.Utc) => Query<void>
  }
>()("@user-service/core/profiles/ProfilesRepo") {
  static readonly layer = Layer.effect(
    ProfilesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(
        `u.id as "userId", u.email, ${selectList("u", accountFields)}, u.is_verified as "isVerified", u.is_active as "isActive",
         u.created_at as "userCreatedAt", u.updated_at as "userUpdatedAt", u.last_login_at as "lastLoginAt", u.version::int as "userVersion",
         p.id as "profileId", ${selectList("p", profileFields)},
         p.created_at as "profileCreatedAt", p.updated_at as "profileUpdatedAt",
         (select count(*)::int from push_tokens t where t.user_id = u.id and t.is_active) as "pushTokensCount",
         ${preferencesColumns("n")}`
      )
      const joins = sql.literal(
        "join profiles p on p.user_id = u.id join notification_preferences n on n.user_id = u.id"
      )

      const find = (id: UserId) =>
        Effect.map(
          firstRow(UserRow)(sql`select ${columns} from users u ${joins} where u.id = ${id}`),
          Option.map(toUser)
        )

      const findMany = (ids: ReadonlyArray<UserId>) =>
        Effect.map(
          rows(UserRow)(sql`
            select ${columns} from unnest(${ids}::uuid[]) as requested (user_id)
              join users u on u.id = requested.user_id ${joins}`),
          (found) => found.map(toUser)
        )

      const update = Effect.fnUntraced(function* (id: UserId, patch: UserPatch, now: DateTime.Utc) {
        const account = columnsOf(patch, accountFields)
        const profile = columnsOf(patch, profileFields)
        const updated_at = DateTime.toDate(now)
        yield* sql`update users set ${sql.update({ ...account, updated_at })} where id = ${id}`
        if (Object.keys(profile).length > 0) {
          yield* sql`update profiles set ${sql.update({ ...profile, updated_at })} where user_id = ${id}`
        }
      })

      const findNames = (id: UserId) => firstRow(NamesRow)(sql`select email, username from users where id = ${id}`)

      return { find, findMany, findNames, update }
    })
  )
}
