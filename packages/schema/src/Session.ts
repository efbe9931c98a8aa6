import type { Session, SessionId } from "@user-service/domain/Session"
import { Schema } from "effect"
import { Count } from "./Count.ts"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

export const SessionBody = Schema.Struct({
  id: Id,
  device_name: Schema.String,
  user_agent: Schema.String,
  ip: Schema.NullOr(Schema.String).annotateKey({ description: "The client address of the login." }),
  created_at: Timestamp,
  last_seen_at: Timestamp.annotateKey({
    description: "When the session was last used, updated at most once a minute."
  }),
  expires_at: Timestamp,
  current: Schema.Boolean.annotateKey({ description: "Whether it is the session of this request." })
}).annotate({
  identifier: "Session",
  description: "The login of one device. It provides access tokens until it ends or expires.",
  examples: [
    {
      id: "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66",
      device_name: "Ada's phone",
      user_agent: "Notes/4.2 (iOS 19.1)",
      ip: "203.0.113.7",
      created_at: "2026-11-23T08:15:00.000Z",
      last_seen_at: "2026-11-24T10:02:00.000Z",
      expires_at: "2026-11-30T08:15:00.000Z",
      current: true
    }
  ]
})

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

/** The example of tokens in the documents. They have the form of JWTs, but are invalid. */
export const tokensExample = {
  access: "eyJhbGciOiJFZERTQSJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl",
  refresh: "eyJhbGciOiJFZERTQSJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl",
  access_expires_in: 3600,
  refresh_expires_in: 604_800
}

/** The tokens of a session (RFC 6749, section 5.1), with their remaining lifetimes. */
export const TokensBody = Schema.Struct({
  access: Schema.String.annotateKey({ description: "The access token, to send as `Authorization: Bearer <access>`." }),
  refresh: Schema.String.annotateKey({
    description: "The refresh token. It can be exchanged once for the next pair of tokens."
  }),
  access_expires_in: Count.annotateKey({ description: "The remaining lifetime of the access token, in seconds." }),
  refresh_expires_in: Count.annotateKey({ description: "The remaining lifetime of the refresh token, in seconds." })
}).annotate({
  identifier: "Tokens",
  description: "The access token and the refresh token of a session.",
  examples: [tokensExample]
})
