import type { Session, SessionId } from "@user-service/domain/Session"
import { Schema } from "effect"
import { Timestamp, timestamp } from "./Timestamp.ts"

export const SessionBody = Schema.Struct({
  id: Schema.String,
  device_name: Schema.String,
  user_agent: Schema.String,
  ip: Schema.NullOr(Schema.String),
  created_at: Timestamp,
  last_seen_at: Timestamp,
  expires_at: Timestamp,
  /** The session this request was made in. */
  current: Schema.Boolean
}).annotate({ identifier: "Session" })

/** A session in wire form, as seen from the session `current`. */
export const sessionBody = (session: Session, current: SessionId): typeof SessionBody.Type => ({
  id: session.id,
  device_name: session.deviceName,
  user_agent: session.userAgent,
  ip: session.ip,
  created_at: timestamp(session.createdAt),
  last_seen_at: timestamp(session.lastSeenAt),
  expires_at: timestamp(session.expiresAt),
  current: session.id === current
})

/** A session's two tokens (RFC 6749, section 5.1), with the seconds each still lives. */
export const TokensBody = Schema.Struct({
  access: Schema.String,
  refresh: Schema.String,
  access_expires_in: Schema.Int,
  refresh_expires_in: Schema.Int
}).annotate({ identifier: "Tokens" })
