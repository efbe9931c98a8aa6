import { DateTime, Option, Schema, Struct } from "effect"
import { lineUpTo, textUpTo } from "./Text.ts"
import { timeZoneName } from "./TimeZoneNames.ts"

/** The longest first or last name. */
const maxNameLength = 150

/** A first or last name; either may be empty. */
export const PersonName = lineUpTo(maxNameLength)

/** What a person says of themselves. */
export const Bio = textUpTo(2000)

// The parser of the URL standard drops line ends, trims spaces and mends missing slashes; what needs that is no address.
const httpUrlPattern = /^https?:\/\/[^\s\p{Cc}/\\?#][^\s\p{Cc}]*$/iu

const httpUrl = (text: string): URL | undefined => {
  if (!httpUrlPattern.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.username === "" && url.password === "" ? url : undefined
}

/**
 * An http or https address as the URL standard serialises it, in which quotes, angle brackets and the like are
 * percent-encoded. Text that is no such address, or holds a user name or a password, stays as it is.
 */
export const normaliseAvatarUrl = (text: string): string => httpUrl(text)?.href ?? text

/** The longest address of a picture. */
export const maxAvatarUrlLength = 500

/**
 * The address of a picture, in the form of {@link normaliseAvatarUrl}. It is only ever handed to clients: this service
 * never fetches it.
 */
export const AvatarUrl = textUpTo(maxAvatarUrlLength)
  .check(
    Schema.makeFilter((text: string) => httpUrl(text)?.href === text || "Enter a valid URL.", {
      toJsonSchema: () => [{ format: "uri" }, true]
    })
  )
  .pipe(Schema.brand("AvatarUrl"))
export type AvatarUrl = typeof AvatarUrl.Type

/** The longest name of a time zone, with room for those to come. */
export const maxTimeZoneLength = 64

/** The name of a time zone as the IANA database spells it, whatever its case; other text stays as it is. */
export const normaliseTimeZone = (text: string): string => timeZoneName(text) ?? text

// The runtime's database may be older than the list of names.
const isTimeZone = (text: string): boolean => timeZoneName(text) === text && Option.isSome(DateTime.zoneMakeNamed(text))

/** A name of the IANA time zone database, a zone's or a link's, as the database spells it. */
export const TimeZone = textUpTo(maxTimeZoneLength)
  .check(Schema.makeFilter((text: string) => isTimeZone(text) || "Enter a valid IANA time zone."))
  .pipe(Schema.brand("TimeZone"))
export type TimeZone = typeof TimeZone.Type

// What `Intl` takes, and so every client: BCP 47 without the grandfathered and private tags that it has replaced.
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

export const defaultTimeZone = TimeZone.make("UTC")
export const defaultLanguage = Language.make("en")

const changeable = {
  firstName: PersonName,
  lastName: PersonName,
  avatarUrl: Schema.NullOr(AvatarUrl),
  timezone: TimeZone,
  language: Language,
  bio: Bio
} as const

/** What a person changes of their profile; an absent field stays. */
export const ProfilePatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))
export type ProfilePatch = typeof ProfilePatch.Type

/** Who a person is to others. */
export class Profile extends Schema.Class<Profile>("Profile")({
  id: Schema.String,
  ...changeable,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** First and last name together, or the username of a person who gave neither. */
export const fullName = (profile: Pick<Profile, "firstName" | "lastName">, username: string): string =>
  `${profile.firstName} ${profile.lastName}`.trim() || username

/** Splits a whole name at its first space, as forms with one name field need. */
export const splitName = (name: string): { readonly firstName: string; readonly lastName: string } => {
  const trimmed = name.trim()
  const space = trimmed.search(/\s/)
  return space === -1
    ? { firstName: trimmed, lastName: "" }
    : { firstName: trimmed.slice(0, space), lastName: trimmed.slice(space).trim() }
}
