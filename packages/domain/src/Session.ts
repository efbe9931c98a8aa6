import { Schema } from "effect"

export const SessionId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

/** Why a session was ended before it expired. */
export const RevocationReason = Schema.Literals([
  "logout",
  "logout_all",
  "revoked",
  "password_changed",
  "password_reset",
  "email_changed",
  "reuse_detected",
  "evicted",
  "disabled",
  "admin",
  "idle",
  "erased"
])
export type RevocationReason = typeof RevocationReason.Type

/** A login on one device. Access tokens are issued for it until it is revoked or expires. */
export class Session extends Schema.Class<Session>("Session")({
  id: SessionId,
  deviceName: Schema.String,
  userAgent: Schema.String,
  ip: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtc,
  /** Updated at most once a minute. */
  lastSeenAt: Schema.DateTimeUtc,
  expiresAt: Schema.DateTimeUtc
}) {}

/** The id is unknown, malformed, of an ended session or another user's. One error for all, so that it does not reveal which. */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>()(
  "SessionNotFound",
  {},
  { httpApiStatus: 404 }
) {
  override get message() {
    return "Session not found"
  }
}
