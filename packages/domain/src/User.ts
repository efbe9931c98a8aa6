import { Schema, Struct } from "effect"
import { canonicalEmail, Email, normaliseEmail } from "./Email.ts"
import { Preferences } from "./Preferences.ts"
import { Profile, type ProfilePatch } from "./Profile.ts"
import { isReservedUsername } from "./ReservedUsernames.ts"

/** A user's id: a UUID, version 7 for every row made here (RFC 9562). */
export const UserId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

/** The maximum length of a username. */
const maxUsernameLength = 150

/** A name for logging in and for display. Unique regardless of case, stored as typed. */
export const Username = Schema.String.check(
  Schema.isPattern(/^[\w.@+-]{1,150}$/u, {
    message: "Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."
  })
).pipe(Schema.brand("Username"))
export type Username = typeof Username.Type

/** Why an unused username is not allowed. */
export const UsernameProblem = Schema.Literals(["reserved", "not_own_email"])
export type UsernameProblem = typeof UsernameProblem.Type

/** The message for each problem. */
export const usernameProblems: { readonly [problem in UsernameProblem]: string } = {
  reserved: "This username is reserved.",
  not_own_email: "A username with an @ must be the account's own email address."
}

/**
 * Checks a username for the account with this e-mail address. A username with an `@` must be the account's own address in any spelling,
 * to prevent impersonation. Does not look up other accounts.
 */
export const usernameProblem = (username: string, email: string): UsernameProblem | undefined => {
  if (isReservedUsername(username)) return "reserved"
  if (!username.includes("@")) return undefined
  return canonicalEmail(normaliseEmail(username)) === canonicalEmail(email) ? undefined : "not_own_email"
}

/**
 * A default username: the local part of the e-mail without invalid characters. From the second `attempt` on it ends with a number, to
 * resolve conflicts.
 */
export const usernameFromEmail = (email: Email, attempt = 0): Username => {
  const suffix = attempt === 0 ? "" : String(attempt)
  const stem = email.slice(0, email.lastIndexOf("@")).replaceAll(/[^\w.@+-]/g, "") || "user"
  return Username.make(stem.slice(0, maxUsernameLength - suffix.length) + suffix)
}

/** A phone number as typed. It is only displayed, so it is not converted to E.164. */
export const PhoneNumber = Schema.String.check(
  Schema.isPattern(/^[+0-9() -]{1,20}$/u, {
    message: "Enter a valid phone number: at most 20 digits, spaces and + ( ) - only."
  })
).pipe(Schema.brand("PhoneNumber"))
export type PhoneNumber = typeof PhoneNumber.Type

const changeable = { username: Username, phoneNumber: Schema.NullOr(PhoneNumber) } as const

/** Changes to an account. Absent fields stay. */
export const AccountPatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))

/** Changes to an account and its profile. Absent fields stay. */
export interface UserPatch extends Schema.Struct.Type<typeof AccountPatch.fields & typeof ProfilePatch.fields> {}

/** A user with profile and preferences. `version` increases with every change of any part and orders cached copies. */
export class User extends Schema.Class<User>("User")({
  id: UserId,
  email: Email,
  ...changeable,
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

/** The user does not exist or is being erased. */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", {}, { httpApiStatus: 404 }) {
  override get message() {
    return "User not found"
  }
}

/** Another account has this username, regardless of case. */
export class UsernameTaken extends Schema.TaggedError<UsernameTaken>()("UsernameTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with that username already exists."
  }
}

/** The username is unused but not allowed. */
export class UsernameNotAllowed extends Schema.TaggedError<UsernameNotAllowed>()(
  "UsernameNotAllowed",
  { problem: UsernameProblem },
  { httpApiStatus: 422 }
) {
  override get message() {
    return usernameProblems[this.problem]
  }
}
