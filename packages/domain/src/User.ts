import { Schema, Struct } from "effect"
import { canonicalEmail, Email, normaliseEmail } from "./Email.ts"
import { Preferences } from "./Preferences.ts"
import { Profile, type ProfilePatch } from "./Profile.ts"
import { isReservedUsername } from "./ReservedUsernames.ts"

/** A user's id: a UUID, version 7 for every row made here (RFC 9562). */
export const UserId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

/** The longest username. */
const maxUsernameLength = 150

/** A name to log in and be shown by; unique whatever the case, kept in the case it was given. */
export const Username = Schema.String.check(
  Schema.isPattern(/^[\w.@+-]{1,150}$/u, {
    message: "Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."
  })
).pipe(Schema.brand("Username"))
export type Username = typeof Username.Type

/** Why a username that nobody has is not to be had. */
export const UsernameProblem = Schema.Literals(["reserved", "not_own_email"])
export type UsernameProblem = typeof UsernameProblem.Type

/** Says of each problem what is wrong. */
export const usernameProblems: { readonly [problem in UsernameProblem]: string } = {
  reserved: "This username is reserved.",
  not_own_email: "A username with an @ must be the account's own email address."
}

/**
 * Judges a username for the account with this e-mail address: one that reads as an address must be the account's own, in
 * any spelling, or its holder would pass for another. Nobody else's address is looked up.
 */
export const usernameProblem = (username: string, email: string): UsernameProblem | undefined => {
  if (isReservedUsername(username)) return "reserved"
  if (!username.includes("@")) return undefined
  return canonicalEmail(normaliseEmail(username)) === canonicalEmail(email) ? undefined : "not_own_email"
}

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

const changeable = { username: Username, phoneNumber: Schema.NullOr(PhoneNumber) } as const

/** What a user changes of their account; an absent field stays. */
export const AccountPatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))

/** What a user changes of their account and profile; an absent field stays. */
export interface UserPatch extends Schema.Struct.Type<typeof AccountPatch.fields & typeof ProfilePatch.fields> {}

/** A user as they see themselves. `version` rises with every change to anything in here and orders cached copies. */
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

/** No such user, or one that is being erased. */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", {}, { httpApiStatus: 404 }) {
  override get message() {
    return "User not found"
  }
}

/** Another account holds this username, in whatever case. */
export class UsernameTaken extends Schema.TaggedError<UsernameTaken>()("UsernameTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with that username already exists."
  }
}

/** The username is nobody's, and not to be had. */
export class UsernameNotAllowed extends Schema.TaggedError<UsernameNotAllowed>()(
  "UsernameNotAllowed",
  { problem: UsernameProblem },
  { httpApiStatus: 422 }
) {
  override get message() {
    return usernameProblems[this.problem]
  }
}
