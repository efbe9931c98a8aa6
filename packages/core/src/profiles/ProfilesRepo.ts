import { Preferences } from "@user-service/domain/Preferences"
import { type AvatarUrl, type Language, Profile, type TimeZone } from "@user-service/domain/Profile"
import { type PhoneNumber, User, type UserId, type Username } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { PreferencesRow, preferencesColumns } from "../preferences/PreferencesRepo.ts"
import { firstRow, type Query, rows } from "../Rows.ts"

/** What a user may change of themselves; an absent field stays. */
export interface ProfilePatch {
  readonly username?: Username
  readonly phoneNumber?: PhoneNumber | null
  readonly firstName?: string
  readonly lastName?: string
  readonly avatarUrl?: AvatarUrl | null
  readonly timezone?: TimeZone
  readonly language?: Language
  readonly bio?: string
}

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

const NamesRow = Schema.Struct({ email: Columns.email, username: Columns.username })

const trusted = { disableChecks: true } as const

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
        trusted
      ),
      preferences: new Preferences(row, trusted),
      pushTokensCount: row.pushTokensCount,
      version: row.userVersion
    },
    trusted
  )

export class ProfilesRepo extends Context.Service<
  ProfilesRepo,
  {
    /** The whole user, in one statement. */
    readonly find: (id: UserId) => Query<Option.Option<User>>
    /** Those that exist, in one statement, in no order. */
    readonly findMany: (ids: ReadonlyArray<UserId>) => Query<ReadonlyArray<User>>
    /** What the user is known by. */
    readonly names: (id: UserId) => Query<Option.Option<typeof NamesRow.Type>>
    /** Sets what the patch names. A username that is taken is a violation of `users_username_key`. */
    readonly update: (id: UserId, patch: ProfilePatch, now: DateTime.Utc) => Query<void>
  }
>()("@user-service/core/profiles/ProfilesRepo") {
  static readonly layer = Layer.effect(
    ProfilesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(
        `u.id as "userId", u.email, u.username, u.phone_number as "phoneNumber",
         u.is_verified as "isVerified", u.is_active as "isActive", u.created_at as "userCreatedAt",
         u.updated_at as "userUpdatedAt", u.last_login_at as "lastLoginAt", u.version::int as "userVersion",
         p.id as "profileId", p.first_name as "firstName", p.last_name as "lastName",
         p.avatar_url as "avatarUrl", p.timezone, p.language, p.bio,
         p.created_at as "profileCreatedAt", p.updated_at as "profileUpdatedAt",
         (select count(*)::int from push_tokens t where t.user_id = u.id and t.is_active) as "pushTokensCount",
         ${preferencesColumns("n")}`
      )
      const parts = sql.literal(
        "join profiles p on p.user_id = u.id join notification_preferences n on n.user_id = u.id"
      )

      const find = (id: UserId) =>
        Effect.map(
          firstRow(UserRow)(sql`select ${columns} from users u ${parts} where u.id = ${id}`),
          Option.map(toUser)
        )

      const findMany = (ids: ReadonlyArray<UserId>) =>
        Effect.map(
          rows(UserRow)(sql`
            select ${columns} from unnest(${ids}::uuid[]) as asked (user_id)
              join users u on u.id = asked.user_id ${parts}`),
          (found) => found.map(toUser)
        )

      const update = Effect.fnUntraced(function* (id: UserId, patch: ProfilePatch, now: DateTime.Utc) {
        const { phoneNumber, username, ...profile } = patch
        const at = DateTime.toDate(now)
        yield* sql`
          update users set ${sql.update({
            ...(username === undefined ? {} : { username }),
            ...(phoneNumber === undefined ? {} : { phone_number: phoneNumber }),
            updated_at: at
          })} where id = ${id}`
        if (Object.keys(profile).length > 0) {
          yield* sql`
            update profiles set ${sql.update({
              ...(profile.firstName === undefined ? {} : { first_name: profile.firstName }),
              ...(profile.lastName === undefined ? {} : { last_name: profile.lastName }),
              ...(profile.avatarUrl === undefined ? {} : { avatar_url: profile.avatarUrl }),
              ...(profile.timezone === undefined ? {} : { timezone: profile.timezone }),
              ...(profile.language === undefined ? {} : { language: profile.language }),
              ...(profile.bio === undefined ? {} : { bio: profile.bio }),
              updated_at: at
            })} where user_id = ${id}`
        }
      })

      const names = (id: UserId) => firstRow(NamesRow)(sql`select email, username from users where id = ${id}`)

      return { find, findMany, names, update }
    })
  )
}
