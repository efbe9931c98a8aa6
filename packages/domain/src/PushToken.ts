import { Schema, Struct } from "effect"
import { lineUpTo, textUpTo } from "./Text.ts"

export const PushTokenId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("PushTokenId"))
export type PushTokenId = typeof PushTokenId.Type

/** The kind of device of a push token. */
export const Platform = Schema.Literals(["web", "android", "ios"])
export type Platform = typeof Platform.Type

/** The push service of a token. */
export const TokenType = Schema.Literals(["fcm", "apns", "onesignal", "vapid", "expo"])
export type TokenType = typeof TokenType.Type

/** The address of an app installation at its push service. A secret, because it suffices to reach the device. */
export const DeviceToken = textUpTo(4096)
  .check(
    Schema.makeFilter((text: string) => text.trim() !== "" || "This field may not be blank.", {
      toJsonSchema: () => [{ minLength: 1 }, true],
      arbitraryConstraint: { minLength: 1 }
    })
  )
  .pipe(Schema.brand("DeviceToken"))
export type DeviceToken = typeof DeviceToken.Type

/** A device's id or name, chosen by its app. May be empty. */
export const DeviceLabel = lineUpTo(255)

const changeable = {
  tokenType: TokenType,
  deviceId: DeviceLabel,
  deviceName: DeviceLabel,
  isActive: Schema.Boolean
} as const

/** Changes to a push token. Absent fields stay, or get the default in a new row. */
export const PushTokenPatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))
export type PushTokenPatch = typeof PushTokenPatch.Type

/** A registration by an app. */
export const PushTokenRegistration = Schema.Struct({
  token: DeviceToken,
  platform: Platform,
  ...PushTokenPatch.fields
})
export type PushTokenRegistration = typeof PushTokenRegistration.Type

/** A registered push token as shown to its owner, without the token itself. */
export class PushToken extends Schema.Class<PushToken>("PushToken")({
  id: PushTokenId,
  platform: Platform,
  ...changeable,
  lastUsedAt: Schema.DateTimeUtc,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** Why a push token was removed or deactivated. */
export const TokenRemovalReason = Schema.Literals([
  "deleted",
  "deactivated",
  "logged_out",
  "replaced",
  "transferred",
  "evicted",
  "unregistered",
  "stale",
  "revoked",
  "admin",
  "erased"
])
export type TokenRemovalReason = typeof TokenRemovalReason.Type

/** The id is unknown, malformed or another user's. One error for all, so that it does not reveal which. */
export class PushTokenNotFound extends Schema.TaggedError<PushTokenNotFound>()(
  "PushTokenNotFound",
  {},
  { httpApiStatus: 404 }
) {
  override get message() {
    return "Push token not found"
  }
}

/** Another push token of the user is registered for this device and platform. */
export class DeviceTaken extends Schema.TaggedError<DeviceTaken>()("DeviceTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "Another push token is registered for this device."
  }
}

/** Another row has the canonical form that the token gets by its new type. */
export class DeviceTokenTaken extends Schema.TaggedError<DeviceTokenTaken>()(
  "DeviceTokenTaken",
  {},
  { httpApiStatus: 422 }
) {
  override get message() {
    return "This token is registered already under this type."
  }
}
