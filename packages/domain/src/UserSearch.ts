import { Schema } from "effect"
import { Email } from "./Email.ts"
import { Role } from "./Role.ts"
import { PhoneNumber, UserId, Username } from "./User.ts"

/** The states by which users are found. A user may have several. */
export const UserState = Schema.Literals(["active", "disabled", "unverified", "suppressed"])
export type UserState = typeof UserState.Type

/** The order of found users. With `-` the greatest first. Users who never logged in are before all others. */
export const UserSort = Schema.Literals(["created_at", "-created_at", "last_login", "-last_login", "email", "-email"])
export type UserSort = typeof UserSort.Type

/** A user as the search of staff shows it. */
export class FoundUser extends Schema.Class<FoundUser>("FoundUser")({
  id: UserId,
  email: Email,
  username: Username,
  phoneNumber: Schema.NullOr(PhoneNumber),
  role: Schema.NullOr(Role),
  isActive: Schema.Boolean,
  isVerified: Schema.Boolean,
  /** Whether the present address gets no more e-mails, see `SuppressedAddress`. */
  isSuppressed: Schema.Boolean,
  createdAt: Schema.DateTimeUtc,
  lastLoginAt: Schema.NullOr(Schema.DateTimeUtc)
}) {}
