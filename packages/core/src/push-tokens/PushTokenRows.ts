import { type DeviceToken, Platform, PushToken, type PushTokenPatch, TokenType } from "@user-service/domain/PushToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { type DateTime, Schema } from "effect"
import * as Columns from "../Columns.ts"

/** A stored token without its secret text. */
export const PushTokenRow = Schema.Struct({
  id: Columns.pushTokenId,
  platform: Platform,
  tokenType: TokenType,
  deviceId: Schema.String,
  deviceName: Schema.String,
  isActive: Schema.Boolean,
  lastUsedAt: Columns.time,
  createdAt: Columns.time,
  updatedAt: Columns.time
})

/** The row of a token that was registered. */
export const RegisteredRow = Schema.Struct({ ...PushTokenRow.fields, isNew: Schema.Boolean })

/** The token that the row stores. */
export const toPushToken = (row: typeof PushTokenRow.Type): PushToken => new PushToken(row, { disableChecks: true })

/** A stored token with its secret text, for events. */
export const SecretTokenRow = Schema.Struct({
  id: Columns.pushTokenId,
  userId: Columns.userId,
  token: Columns.deviceToken,
  tokenType: TokenType,
  platform: Platform,
  isActive: Schema.Boolean
})

/** Whether a session is alive, and the rows that a registration can affect. */
export const TargetsRow = Schema.Struct({
  isAlive: Schema.Boolean,
  found: Schema.Array(Schema.Struct({ ...SecretTokenRow.fields, isSameToken: Schema.Boolean }))
})

/** A new row, and the rows deleted for it. */
export const InsertedRow = Schema.Struct({ ...PushTokenRow.fields, evicted: Schema.Array(SecretTokenRow) })

/** The owner of a token. */
export const OwnerRow = Schema.Struct({ userId: Columns.userId })

/** A stored token with its secret text and its owner. */
export type SecretToken = typeof SecretTokenRow.Type

/** A token to send pushes to, with its secret text. */
const LiveRow = Schema.Struct({
  id: Columns.pushTokenId,
  token: Columns.deviceToken,
  platform: Platform,
  tokenType: TokenType
})

export type LiveToken = typeof LiveRow.Type

/** The live tokens of a user that exists. */
export const LiveRows = Schema.Struct({ tokens: Schema.Array(LiveRow) })

/** The user and the session that register a token. */
export interface PushTokenOwner {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** The columns that store and identify a token. */
export interface StoredToken {
  readonly token: DeviceToken
  readonly tokenHash: Uint8Array
  readonly platform: Platform
}

/** The values that a registration stores. */
export interface RegistrationValues {
  readonly owner: PushTokenOwner
  readonly token: StoredToken
  readonly fields: PushTokenPatch
  readonly now: DateTime.Utc
}

/** The text of a token after a change of its type, with its hash. */
export type Respelling = Pick<StoredToken, "token" | "tokenHash">
