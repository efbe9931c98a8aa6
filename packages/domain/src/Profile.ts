import { DateTime, Option, Schema } from "effect"
import { textUpTo } from "./Text.ts"

/** The longest first or last name. */
export const maxNameLength = 150

/** A first or last name; either may be empty. */
export const PersonName = textUpTo(maxNameLength)

/** What a person says of themselves. */
export const Bio = textUpTo(2000)

const isHttpUrl = (text: string): boolean => {
  const url = URL.parse(text)
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") && /^https?:\/\//i.test(text)
}

/** The address of a picture. It is only ever handed to clients: this service never fetches it. */
export const AvatarUrl = textUpTo(500)
  .check(Schema.makeFilter((text: string) => isHttpUrl(text) || "Enter a valid URL."))
  .pipe(Schema.brand("AvatarUrl"))
export type AvatarUrl = typeof AvatarUrl.Type

// Offsets ("+02:00") are zones to `Intl` but not names of the IANA database: they know no daylight saving.
const isTimeZone = (text: string): boolean => /^[A-Za-z]/.test(text) && Option.isSome(DateTime.zoneMakeNamed(text))

/** A name of the IANA time zone database. */
export const TimeZone = textUpTo(64)
  .check(Schema.makeFilter((text: string) => isTimeZone(text) || "Enter a valid IANA time zone."))
  .pipe(Schema.brand("TimeZone"))
export type TimeZone = typeof TimeZone.Type

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

/** Who a person is to others. */
export class Profile extends Schema.Class<Profile>("Profile")({
  id: Schema.String,
  firstName: PersonName,
  lastName: PersonName,
  avatarUrl: Schema.NullOr(AvatarUrl),
  timezone: TimeZone,
  language: Language,
  bio: Bio,
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
