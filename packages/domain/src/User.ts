import { Schema } from "effect"
import { Preferences } from "./Preferences.ts"
import { Profile } from "./Profile.ts"
import { isUpTo } from "./Text.ts"

/** A user's id: a UUID, version 7 for every row made here (RFC 9562). */
export const UserId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

/** The longest e-mail address a mail transport carries (RFC 5321, section 4.5.3.1.3, less the angle brackets). */
export const maxEmailLength = 254

// A dot-string (RFC 5321, section 4.1.2) and a domain with a dot, without the quoted and commented forms that no person
// has: those are legal but only ever typed by mistake or malice.
const emailPattern =
  /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])$/u

/** An e-mail address in the one form it is stored and compared in: trimmed and lower-cased, see {@link normaliseEmail}. */
export const Email = Schema.String.check(
  isUpTo(maxEmailLength),
  Schema.isPattern(emailPattern, {
    message: "Enter a valid email address.",
    // Generated are plain ones: the classes of the pattern are more than a generator can make texts of.
    arbitraryConstraint: {
      patterns: [{ source: "^[a-z0-9+_-]{1,20}(\\.[a-z0-9]{1,9})?@[a-z0-9]{1,20}\\.[a-z]{2,9}$", flags: "" }]
    }
  })
).pipe(Schema.brand("Email"))
export type Email = typeof Email.Type

/** Makes two spellings of one address equal. Idempotent. */
export const normaliseEmail = (text: string): string => text.trim().toLowerCase()

/** The longest username. */
export const maxUsernameLength = 150

/** A name to log in and be shown by; unique whatever the case, kept in the case it was given. */
export const Username = Schema.String.check(
  Schema.isPattern(/^[\w.@+-]{1,150}$/u, {
    message: "Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."
  })
).pipe(Schema.brand("Username"))
export type Username = typeof Username.Type

/**
 * The username of a person who gave none: the local part of the e-mail, what a username may not hold left out, and from
 * the second `attempt` on a number behind it, so that a clash moves on to the next.
 */
export const usernameFromEmail = (email: Email, attempt = 0): Username => {
  const suffix = attempt === 0 ? "" : String(attempt)
  const stem = email.slice(0, email.lastIndexOf("@")).replaceAll(/[^\w.@+-]/g, "") || "user"
  return Username.make(stem.slice(0, maxUsernameLength - suffix.length) + suffix)
}

/** A phone number as a person writes it: it is shown, never dialled, so it is not brought to E.164. */
export const PhoneNumber = Schema.String.check(
  Schema.isPattern(/^[+0-9() -]{1,20}$/u, {
    message: "Enter a valid phone number: at most 20 digits, spaces and + ( ) - only."
  })
).pipe(Schema.brand("PhoneNumber"))
export type PhoneNumber = typeof PhoneNumber.Type

/** A user as they see themselves. `version` rises with every change to anything in here and orders cached copies. */
export class User extends Schema.Class<User>("User")({
  id: UserId,
  email: Email,
  username: Username,
  phoneNumber: Schema.NullOr(PhoneNumber),
  isVerified: Schema.Boolean,
  isActive: Schema.Boolean,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc,
  lastLoginAt: Schema.NullOr(Schema.DateTimeUtc),
  profile: Profile,
  preferences: Preferences,
  /** How many of the user's push tokens are active. */
  pushTokensCount: Schema.Int,
  version: Schema.Int
}) {}

/** No such user, or one that is being erased. */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", {}, { httpApiStatus: 404 }) {
  override get message() {
    return "User not found"
  }
}

/** Another account holds this address. */
export class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with this email already exists."
  }
}

/** Another account holds this username, in whatever case. */
export class UsernameTaken extends Schema.TaggedError<UsernameTaken>()("UsernameTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with that username already exists."
  }
}
