import { Schema } from "effect"
import { Preferences } from "./Preferences.ts"
import { DeviceToken, Platform, PushTokenId, TokenRemovalReason } from "./PushToken.ts"
import { RevocationReason, SessionId } from "./Session.ts"
import { UserId, Username } from "./User.ts"

export class UserRegistered extends Schema.TaggedClass<UserRegistered>()("UserRegistered", {
  userId: UserId,
  // Not checked by `Email`: older accounts may have addresses that the current rules refuse.
  email: Schema.String.pipe(Schema.brand("Email")),
  username: Username
}) {}

/** `updatedFields` has the new value of each changed field. */
export class UserUpdated extends Schema.TaggedClass<UserUpdated>()("UserUpdated", {
  userId: UserId,
  updatedFields: Schema.Record(Schema.String, Schema.NullOr(Schema.String))
}) {}

/** The user is erased. `sessionIds` are the sessions that were live: with them each process refuses the tokens at once. */
export class UserDeleted extends Schema.TaggedClass<UserDeleted>()("UserDeleted", {
  userId: UserId,
  sessionIds: Schema.Array(SessionId)
}) {}

export class UserPasswordChanged extends Schema.TaggedClass<UserPasswordChanged>()("UserPasswordChanged", {
  userId: UserId
}) {}

/** The account has another e-mail address, which its owner has proved. */
export class UserEmailChanged extends Schema.TaggedClass<UserEmailChanged>()("UserEmailChanged", { userId: UserId }) {}

/** The user has proved that they read the mail of their address. */
export class UserEmailVerified extends Schema.TaggedClass<UserEmailVerified>()("UserEmailVerified", {
  userId: UserId
}) {}

export class UserLoggedIn extends Schema.TaggedClass<UserLoggedIn>()("UserLoggedIn", { userId: UserId }) {}

/** The account was disabled: its user cannot log in. */
export class UserDisabled extends Schema.TaggedClass<UserDisabled>()("UserDisabled", { userId: UserId }) {}

/** The account was enabled again. */
export class UserEnabled extends Schema.TaggedClass<UserEnabled>()("UserEnabled", { userId: UserId }) {}

export class SessionRevoked extends Schema.TaggedClass<SessionRevoked>()("SessionRevoked", {
  userId: UserId,
  sessionId: SessionId,
  reason: RevocationReason
}) {}

/** All sessions of all users that were opened at or before this time have ended. */
export class AllSessionsRevoked extends Schema.TaggedClass<AllSessionsRevoked>()("AllSessionsRevoked", {
  notBefore: Schema.DateTimeUtc
}) {}

export class PreferencesUpdated extends Schema.TaggedClass<PreferencesUpdated>()("PreferencesUpdated", {
  userId: UserId,
  preferences: Preferences
}) {}

/** The token became live. */
export class PushTokenAdded extends Schema.TaggedClass<PushTokenAdded>()("PushTokenAdded", {
  userId: UserId,
  tokenId: PushTokenId,
  token: DeviceToken,
  platform: Platform
}) {}

/** The token is no longer live. */
export class PushTokenRemoved extends Schema.TaggedClass<PushTokenRemoved>()("PushTokenRemoved", {
  userId: UserId,
  tokenId: PushTokenId,
  token: DeviceToken,
  platform: Platform,
  reason: TokenRemovalReason
}) {}

/** An event about one user, or about all of them, for other services. Stored in the outbox in this form, and encoded for the wire when it is published. */
export const DomainEvent = Schema.Union([
  UserRegistered,
  UserUpdated,
  UserDeleted,
  UserPasswordChanged,
  UserEmailChanged,
  UserEmailVerified,
  UserLoggedIn,
  UserDisabled,
  UserEnabled,
  SessionRevoked,
  AllSessionsRevoked,
  PreferencesUpdated,
  PushTokenAdded,
  PushTokenRemoved
])
export type DomainEvent = typeof DomainEvent.Type
