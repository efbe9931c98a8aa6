import { Schema, Struct } from "effect"
import { lineUpTo, textUpTo } from "./Text.ts"

export const PushTokenId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("PushTokenId"))
export type PushTokenId = typeof PushTokenId.Type

/** What kind of device a token reaches. */
export const Platform = Schema.Literals(["web", "android", "ios"])
export type Platform = typeof Platform.Type

/** Whose service a token belongs to. */
export const TokenType = Schema.Literals(["fcm", "apns", "onesignal", "vapid", "expo"])
export type TokenType = typeof TokenType.Type

/** The address of one app installation at its push service. A secret: it is enough to reach the device. */
export const DeviceToken = textUpTo(4096)
  .check(
    Schema.makeFilter((text: string) => text.trim() !== "" || "This field may not be blank.", {
      toJsonSchema: () => [{ minLength: 1 }, true],
      arbitraryConstraint: { minLength: 1 }
    })
  )
  .pipe(Schema.brand("DeviceToken"))
export type DeviceToken = typeof DeviceToken.Type

/** A device's id or name, as its app names it; empty where it names none. */
export const DeviceLabel = lineUpTo(255)

const changeable = {
  tokenType: TokenType,
  deviceId: DeviceLabel,
  deviceName: DeviceLabel,
  isActive: Schema.Boolean
} as const

/** The fields of a token to set. An absent one stays, or gets the default of a new row. */
export const PushTokenPatch = Schema.Struct(Struct.map(changeable, Schema.optionalKey))
export type PushTokenPatch = typeof PushTokenPatch.Type

/** What an app registers. */
export const PushTokenRegistration = Schema.Struct({
  token: DeviceToken,
  platform: Platform,
  ...PushTokenPatch.fields
})
export type PushTokenRegistration = typeof PushTokenRegistration.Type

/** A registered installation, as its owner sees it: without the token itself. */
export class PushToken extends Schema.Class<PushToken>("PushToken")({
  id: PushTokenId,
  platform: Platform,
  ...changeable,
  lastUsedAt: Schema.DateTimeUtc,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** Why a token is no longer live. */
export const TokenRemovalReason = Schema.Literals([
  "deleted",
  "deactivated",
  "logged_out",
  "replaced",
  "transferred",
  "evicted",
  "unregistered",
  "stale",
  "erased"
])
export type TokenRemovalReason = typeof TokenRemovalReason.Type

/** Absent, malformed or another user's: the caller cannot tell which. */
export class PushTokenNotFound extends Schema.TaggedError<PushTokenNotFound>()(
  "PushTokenNotFound",
  {},
  { httpApiStatus: 404 }
) {
  override get message() {
    return "Push token not found"
  }
}

/** Another of the user's tokens stands for this device on this platform. */
export class DeviceTaken extends Schema.TaggedError<DeviceTaken>()("DeviceTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "Another push token is registered for this device."
  }
}

/** Another row holds the token in the form that its new type gives it. */
export class DeviceTokenTaken extends Schema.TaggedError<DeviceTokenTaken>()(
  "DeviceTokenTaken",
  {},
  { httpApiStatus: 422 }
) {
  override get message() {
    return "This token is registered already under this type."
  }
}
