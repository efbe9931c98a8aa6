import { DateTime, Option, Schema, Struct } from "effect"
import { lineUpTo, textUpTo } from "./Text.ts"
import { timeZoneName } from "./TimeZoneNames.ts"

/** The maximum length of a first or last name. */
const maxNameLength = 150

/** A first or last name. May be empty. */
export const PersonName = lineUpTo(maxNameLength)

/** A text about the user. */
export const Bio = textUpTo(2000)

// The WHATWG URL parser removes line breaks, trims spaces and adds missing slashes. Texts that need this are refused.
const httpUrlPattern = /^https?:\/\/[^\s\p{Cc}/\\?#][^\s\p{Cc}]*$/iu

const httpUrl = (text: string): URL | undefined => {
  if (!httpUrlPattern.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.username === "" && url.password === "" ? url : undefined
}

/**
 * An http or https URL as the WHATWG URL standard serialises it, with quotes, angle brackets and the like percent-encoded. Other text, and
 * a URL with credentials, stays unchanged.
 */
export const normaliseAvatarUrl = (text: string): string => httpUrl(text)?.href ?? text

/** The maximum length of an avatar URL. */
export const maxAvatarUrlLength = 500

/**
 * The URL of a picture, in the form of {@link normaliseAvatarUrl}. The service only returns it to clients and never fetches it.
 */
export const AvatarUrl = textUpTo(maxAvatarUrlLength)
  .check(
    Schema.makeFilter((text: string) => httpUrl(text)?.href === text || "Enter a valid URL.", {
      toJsonSchema: () => [{ format: "uri" }, true]
    })
  )
  .pipe(Schema.brand("AvatarUrl"))
export type AvatarUrl = typeof AvatarUrl.Type

/** The maximum length of a time zone name, longer than all current ones. */
export const maxTimeZoneLength = 64

/** The name of a time zone in the IANA database's spelling, from any case. Other text stays unchanged. */
export const normaliseTimeZone = (text: string): string => timeZoneName(text) ?? text

// The runtime's database may be older than the list of names.
const isTimeZone = (text: string): boolean => timeZoneName(text) === text && Option.isSome(DateTime.zoneMakeNamed(text))

/** The name of a zone or link in the IANA time zone database, in the database's spelling. */
export const TimeZone = textUpTo(maxTimeZoneLength)
  .check(Schema.makeFilter((text: string) => isTimeZone(text) || "Enter a valid IANA time zone."))
  .pipe(Schema.brand("TimeZone"))
export type TimeZone = typeof TimeZone.Type

// The tags that `Intl` accepts, and so all clients: BCP 47 without grandfathered and private tags.
const isLanguageTag = (text: string): boolean => {
  try {
    return Intl.getCanonicalLocales(text).length === 1
  } catch {
    return false
  }
}

/** A language tag (BCP 47), such as `en` or `pt-BR`. */
export const Language = textUpTo(35)
  .check(Schema.makeFilter((text: string) => isLanguageTag(text) || "Enter a valid BCP 47 language tag."))
  .pipe(Schema.brand("Language"))
export type Language = typeof Language.Type

// Unchecked, since the check loads the names of all zones, which takes 30 ms at every start.
export const defaultTimeZone = TimeZone.make("UTC", { disableChecks: true })
export const defaultLanguage = Language.make("en")

const changeable = {
  firstName: PersonName,
  lastName: PersonName,
  avatarUrl: Schema.NullOr(AvatarUrl),
  timezone: TimeZone,
  language: Language,
  bio: Bio
} as const

/** Changes to a profile. Absent fields stay. */
export const ProfilePatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))
export type ProfilePatch = typeof ProfilePatch.Type

/** A user's profile. */
export class Profile extends Schema.Class<Profile>("Profile")({
  id: Schema.String,
  ...changeable,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** First and last name, or the username if both are empty. */
export const fullName = (profile: Pick<Profile, "firstName" | "lastName">, username: string): string =>
  `${profile.firstName} ${profile.lastName}`.trim() || username

/** Splits a full name at its first space, for forms with a single name field. */
export const splitName = (name: string): { readonly firstName: string; readonly lastName: string } => {
  const trimmed = name.trim()
  const space = trimmed.search(/\s/)
  return space === -1
    ? { firstName: trimmed, lastName: "" }
    : { firstName: trimmed.slice(0, space), lastName: trimmed.slice(space).trim() }
}
