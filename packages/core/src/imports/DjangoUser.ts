import { formOf } from "@user-service/domain/DeviceTokenForm"
import { canonicalEmail, Email, normaliseEmail } from "@user-service/domain/Email"
import { contradiction, PreferenceSettings, switches, switchFields } from "@user-service/domain/Preferences"
import {
  defaultLanguage,
  defaultTimeZone,
  normaliseAvatarUrl,
  normaliseTimeZone,
  Profile
} from "@user-service/domain/Profile"
import { DeviceLabel, DeviceToken, Platform, TokenType } from "@user-service/domain/PushToken"
import { PhoneNumber, UserId, Username, usernameFromEmail } from "@user-service/domain/User"
import { Array, Option, Record, Result, Schema, SchemaIssue, String as Str, Struct } from "effect"
import type { DjangoTable } from "./DjangoColumns.ts"

// The conversion of the Django service's rows, which excludes a user with a row that cannot be converted (decision 0033).

/** A row of a table of the Django service as JSON, with the names of its columns. Columns that a deployment lacks are absent. */
export type DjangoRow = Readonly<Record<string, unknown>>

/** A user of the Django service, with the rows that belong to the user. */
export interface DjangoUser {
  readonly user: DjangoRow
  /** One row or none. More than one cannot be imported. */
  readonly profiles: ReadonlyArray<DjangoRow>
  /** One row or none. More than one cannot be imported. */
  readonly preferences: ReadonlyArray<DjangoRow>
  readonly pushTokens: ReadonlyArray<DjangoRow>
}

/** A row that cannot be imported. It names no value, because values are personal data. */
export interface BadRow {
  readonly table: DjangoTable
  /** The id of the row in the Django service. */
  readonly id: string
  readonly problem: string
}

/** A role of staff, by which an account may administer others. */
export type StaffRole = "viewer" | "admin"

const time = Schema.DateTimeUtcFromString

const Account = Schema.Struct({
  id: UserId,
  email: Email,
  username: Username,
  passwordHash: Schema.String,
  phoneNumber: Schema.NullOr(PhoneNumber),
  isActive: Schema.Boolean,
  isVerified: Schema.Boolean,
  createdAt: time,
  updatedAt: time,
  lastLoginAt: Schema.NullOr(time)
})

// Null if the Django service numbers the rows: they get an id here. Only the ids of users must be UUIDs.
const id = Schema.NullOr(Schema.String)

const times = { createdAt: Schema.NullOr(time), updatedAt: Schema.NullOr(time) }

const ImportedProfile = Schema.Struct({ ...Struct.omit(Profile.fields, ["id"]), id, ...times })

const ImportedPreferences = Schema.Struct({ id, ...PreferenceSettings.fields, ...times })

const PushToken = Schema.Struct({
  id,
  token: DeviceToken,
  platform: Platform,
  tokenType: TokenType,
  deviceId: DeviceLabel,
  deviceName: DeviceLabel,
  isActive: Schema.Boolean,
  lastUsedAt: time,
  createdAt: time,
  updatedAt: time
})

/** A push token of an imported user, in the form in which this service stores it. */
export type ImportedPushToken = typeof PushToken.Type

/** A user as this service stores it, with the ids and times of the Django service. */
export interface ImportedUser {
  readonly account: typeof Account.Type & {
    readonly emailCanonical: string
    readonly role: StaffRole | null
    /** The address of the last login, as text that need not be an address. */
    readonly lastLoginIp: string | null
  }
  /** Null where the Django service has no row: the user gets the defaults of a new one. */
  readonly profile: typeof ImportedProfile.Type | null
  readonly preferences: typeof ImportedPreferences.Type | null
  readonly pushTokens: ReadonlyArray<ImportedPushToken>
  /** The push tokens that are left out. */
  readonly badPushTokens: ReadonlyArray<BadRow>
}

const text = (value: unknown): unknown => (typeof value === "string" ? value.trim() : value)
const orNull = (value: unknown): unknown => (value === "" || value === undefined ? null : value)
const or = (value: unknown, fallback: unknown): unknown => (value === "" ? fallback : (value ?? fallback))
const mapText = (value: unknown, map: (text: string) => string): unknown =>
  typeof value === "string" ? map(value) : value

// Without USE_TZ Django stores UTC without an offset.
const utc = (value: unknown): unknown =>
  mapText(value, (moment) => (/(?:Z|[+-]\d\d(?::?\d\d)?)$/i.test(moment) ? moment : `${moment}Z`))

// PostgreSQL shows a time of day with its fraction of a second, if it has one.
const localTime = (value: unknown): unknown => mapText(orNull(value), (moment) => moment.replace(/\.\d+$/, ""))

const isUuid = Schema.is(Schema.String.check(Schema.isUUID()))
const uuid = (value: unknown): string | null => (isUuid(value) ? value : null)

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

// The columns of the Django service that have other names than the fields here.
type ColumnNames = Readonly<Record<string, string>>

const problemOf = ({ issue }: Schema.SchemaError, names: ColumnNames): string =>
  issuesOf(issue)
    .issues.map(({ message, path = [] }) => {
      const field = path.map(String).join(".")
      return `${names[field] ?? Str.camelToSnake(field)}: ${message}`
    })
    .join("; ")

const badRow = (table: DjangoTable, row: DjangoRow, problem: string): BadRow => ({
  table,
  id: String(row["id"]),
  problem
})

const decoder = <A, I>(schema: Schema.Codec<A, I>, table: DjangoTable, names: ColumnNames = {}) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (row: DjangoRow, value: unknown): Result.Result<A, BadRow> =>
    // All problems of a row, which are looked for only where there is one.
    Result.mapError(decode(value, { errors: "all" }), (error) => badRow(table, row, problemOf(error, names)))
}

const decodeAccount = decoder(Account, "users", {
  passwordHash: "password",
  createdAt: "date_joined",
  lastLoginAt: "last_login"
})
const decodeProfile = decoder(ImportedProfile, "user_profiles")
const decodePreferences = decoder(ImportedPreferences, "notification_preferences")
const decodePushToken = decoder(PushToken, "push_tokens", { lastUsedAt: "last_used" })

const isEmail = Schema.is(Email)

// Some deployments have no usernames. This one is unique, because it contains a part of the id.
const defaultUsername = (email: unknown, id: unknown): unknown =>
  isEmail(email) ? `${usernameFromEmail(email).slice(0, 100)}-${String(id).slice(-12)}` : email

const accountOf = (user: DjangoRow): Result.Result<ImportedUser["account"], BadRow> => {
  const email = mapText(user["email"], normaliseEmail)
  const created = user["date_joined"] ?? user["created_at"]
  return Result.map(
    decodeAccount(user, {
      id: mapText(user["id"], (id) => id.toLowerCase()),
      email,
      username: or(text(user["username"]), defaultUsername(email, user["id"])),
      passwordHash: user["password"],
      phoneNumber: orNull(text(user["phone_number"])),
      isActive: user["is_active"],
      isVerified: user["is_verified"] ?? false,
      createdAt: utc(created),
      updatedAt: utc(user["updated_at"] ?? created),
      lastLoginAt: utc(orNull(user["last_login"]))
    }),
    (account) => ({
      ...account,
      emailCanonical: canonicalEmail(account.email),
      role: user["is_superuser"] === true ? "admin" : user["is_staff"] === true ? "viewer" : null,
      lastLoginIp: typeof user["last_login_ip"] === "string" ? user["last_login_ip"].replace(/\/\d+$/, "") : null
    })
  )
}

const profileOf = (row: DjangoRow) =>
  decodeProfile(row, {
    id: uuid(row["id"]),
    firstName: or(text(row["first_name"]), ""),
    lastName: or(text(row["last_name"]), ""),
    avatarUrl: mapText(orNull(text(row["avatar_url"])), normaliseAvatarUrl),
    timezone: mapText(or(text(row["timezone"]), defaultTimeZone), normaliseTimeZone),
    language: or(text(row["language"]), defaultLanguage),
    bio: row["bio"] ?? "",
    createdAt: utc(orNull(row["created_at"])),
    updatedAt: utc(orNull(row["updated_at"]))
  })

const switchColumns = Record.map(switchFields, (_, name) => Str.camelToSnake(name))

const preferencesOf = (row: DjangoRow) =>
  Result.flatMap(
    decodePreferences(row, {
      id: uuid(row["id"]),
      ...Object.fromEntries(switches.map((name) => [name, row[switchColumns[name]]])),
      doNotDisturbStart: localTime(row["do_not_disturb_start"]),
      doNotDisturbEnd: localTime(row["do_not_disturb_end"]),
      frequencyLimit: row["frequency_limit"],
      createdAt: utc(orNull(row["created_at"])),
      updatedAt: utc(orNull(row["updated_at"]))
    }),
    (settings) => {
      const contradictory = contradiction(settings)
      return contradictory === undefined
        ? Result.succeed(settings)
        : Result.fail(
            badRow(
              "notification_preferences",
              row,
              `${Str.camelToSnake(contradictory.field)}: ${contradictory.problem}`
            )
          )
    }
  )

const pushTokenOf = (row: DjangoRow): Result.Result<ImportedPushToken, BadRow> => {
  const created = row["created_at"]
  return Result.flatMap(
    decodePushToken(row, {
      id: uuid(row["id"]),
      token: row["token"],
      platform: mapText(row["platform"] ?? row["device_type"], (platform) => platform.toLowerCase()),
      tokenType: or(row["token_type"], "fcm"),
      deviceId: row["device_id"] ?? "",
      deviceName: row["device_name"] ?? "",
      isActive: row["is_active"],
      lastUsedAt: utc(row["last_used_at"] ?? row["last_used"] ?? row["updated_at"] ?? created),
      createdAt: utc(created),
      updatedAt: utc(row["updated_at"] ?? created)
    }),
    (pushToken) =>
      Option.match(formOf(pushToken.tokenType, pushToken.token), {
        onNone: () =>
          Result.fail(badRow("push_tokens", row, `token: This is not a token of type ${pushToken.tokenType}.`)),
        onSome: (token) => Result.succeed({ ...pushToken, token })
      })
  )
}

const onlyRow = (
  table: DjangoTable,
  [row, other]: ReadonlyArray<DjangoRow>
): Result.Result<DjangoRow | undefined, BadRow> =>
  other === undefined ? Result.succeed(row) : Result.fail(badRow(table, other, "user_id: This user has another row."))

/** A user of the Django service, converted. */
export interface ConvertedUser {
  readonly id: string
  readonly conversion: Result.Result<ImportedUser, BadRow>
}

/**
 * Converts a user of the Django service, or names the row because of which the user cannot be imported. A profile or
 * preferences that cannot be converted exclude the whole user: with the defaults in their place, the user would receive what
 * they had switched off. A push token that cannot be converted is only left out.
 */
export const convert = (source: DjangoUser): ConvertedUser => ({
  id: String(source.user["id"]).toLowerCase(),
  conversion: Result.gen(function* () {
    const account = yield* accountOf(source.user)
    const profileRow = yield* onlyRow("user_profiles", source.profiles)
    const preferencesRow = yield* onlyRow("notification_preferences", source.preferences)
    const profile = profileRow === undefined ? null : yield* profileOf(profileRow)
    const preferences = preferencesRow === undefined ? null : yield* preferencesOf(preferencesRow)
    const pushTokens = source.pushTokens.map(pushTokenOf)
    return {
      account,
      profile,
      preferences,
      pushTokens: Array.getSuccesses(pushTokens),
      badPushTokens: Array.getFailures(pushTokens)
    }
  })
})
