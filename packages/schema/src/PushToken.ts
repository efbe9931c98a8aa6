import { Platform, type PushToken, TokenType } from "@user-service/domain/PushToken"
import { Schema } from "effect"
import { Timestamp, timestamp } from "./Timestamp.ts"

/** A push token as its owner sees it: the token itself is write-only. */
export const PushTokenBody = Schema.Struct({
  id: Schema.String,
  platform: Platform,
  token_type: TokenType,
  device_id: Schema.String,
  device_name: Schema.String,
  is_active: Schema.Boolean,
  last_used: Timestamp,
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({ identifier: "PushToken" })

/** A push token in wire form. */
export const pushTokenBody = (token: PushToken): typeof PushTokenBody.Type => ({
  id: token.id,
  platform: token.platform,
  token_type: token.tokenType,
  device_id: token.deviceId,
  device_name: token.deviceName,
  is_active: token.isActive,
  last_used: timestamp(token.lastUsedAt),
  created_at: timestamp(token.createdAt),
  updated_at: timestamp(token.updatedAt)
})
