import { DeviceToken, Platform, type PushToken, TokenType } from "@user-service/domain/PushToken"
import { Schema } from "effect"
import { Id, PushTokenIdBody } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

/** A push token as its owner sees it: the token itself is write-only. */
export const PushTokenBody = Schema.Struct({
  id: Id,
  platform: Platform,
  token_type: TokenType,
  device_id: Schema.String,
  device_name: Schema.String,
  is_active: Schema.Boolean,
  last_used: Timestamp.annotateKey({ description: "When the device last registered the token." }),
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({
  identifier: "PushToken",
  description: "One app installation that can receive push notifications. The token itself is write-only.",
  examples: [
    {
      id: "0193a5c3-02aa-7e0f-8d51-6b7f4e9a1c20",
      platform: "ios",
      token_type: "apns",
      device_id: "C7D2A1E0-4B6F",
      device_name: "Ada's phone",
      is_active: true,
      last_used: "2026-11-24T10:02:00.000Z",
      created_at: "2026-11-23T08:15:00.000Z",
      updated_at: "2026-11-24T10:02:00.000Z"
    }
  ]
})

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

/** The example of a push token in the documents. */
export const livePushTokenExample = {
  id: PushTokenIdBody.make("0193a5c3-02aa-7e0f-8d51-6b7f4e9a1c20"),
  token: DeviceToken.make("740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"),
  platform: "ios",
  token_type: "apns"
} as const

/** A push token as senders see it, including the token itself. */
export const LivePushToken = Schema.Struct({
  id: PushTokenIdBody,
  token: Schema.String.pipe(Schema.brand("DeviceToken")).annotateKey({
    description: "The device token of the push service. A secret."
  }),
  platform: Platform,
  token_type: TokenType
}).annotate({
  identifier: "LivePushToken",
  description: "One app installation to which push notifications can be sent.",
  examples: [livePushTokenExample]
})
export type LivePushToken = typeof LivePushToken.Type
