import { type DeviceToken, Platform, PushToken, type PushTokenPatch, TokenType } from "@user-service/domain/PushToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { type DateTime, Schema } from "effect"
import * as Columns from "../Columns.ts"

/** A token as it is stored, without the secret. */
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

/** With the token itself, for the events that name it. */
export const HeldRow = Schema.Struct({
  id: Columns.pushTokenId,
  userId: Columns.userId,
  token: Columns.deviceToken,
  tokenType: TokenType,
  platform: Platform,
  isActive: Schema.Boolean
})

/** Whether a session lives, and the rows that a registration meets. */
export const FoundRow = Schema.Struct({
  isAlive: Schema.Boolean,
  found: Schema.Array(Schema.Struct({ ...HeldRow.fields, isSameToken: Schema.Boolean }))
})
/** A new row, and the ones deleted to make room for it. */
export const InsertedRow = Schema.Struct({ ...PushTokenRow.fields, evicted: Schema.Array(HeldRow) })

/** Whose a token is. */
export const OwnerRow = Schema.Struct({ userId: Columns.userId })

/** A stored token with its secret, and whose it is. */
export type HeldToken = typeof HeldRow.Type

/** A token that a push is sent to, with its secret. */
const LiveRow = Schema.Struct({
  id: Columns.pushTokenId,
  token: Columns.deviceToken,
  platform: Platform,
  tokenType: TokenType
})

export type LiveToken = typeof LiveRow.Type

/** The tokens of a user who exists. */
export const LiveRows = Schema.Struct({ tokens: Schema.Array(LiveRow) })

/** Whose a token is to be. */
export interface PushTokenOwner {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** A token, as it is stored and found. */
export interface StoredToken {
  readonly token: DeviceToken
  readonly tokenHash: Uint8Array
  readonly platform: Platform
}

/** What a registration stores. */
export interface RegistrationValues {
  readonly owner: PushTokenOwner
  readonly token: StoredToken
  readonly fields: PushTokenPatch
  readonly now: DateTime.Utc
}

/** A token in its form of another type. */
export type Respelling = Pick<StoredToken, "token" | "tokenHash">
