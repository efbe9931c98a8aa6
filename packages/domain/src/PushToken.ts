import { Schema } from "effect"

export const PushTokenId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("PushTokenId"))
export type PushTokenId = typeof PushTokenId.Type

/** What kind of device a token reaches. */
export const Platform = Schema.Literals(["web", "android", "ios"])
export type Platform = typeof Platform.Type

/** Whose service a token belongs to. */
export const TokenType = Schema.Literals(["fcm", "apns", "onesignal", "vapid", "expo"])
export type TokenType = typeof TokenType.Type

/** The address of one app installation at its push service. A secret: it is enough to reach the device. */
export const DeviceToken = Schema.String.check(
  Schema.makeFilter((text: string) => text.trim() !== "" || "This field may not be blank."),
  Schema.isMaxLength(4096, { message: "Ensure this field has no more than 4096 characters." })
).pipe(Schema.brand("DeviceToken"))
export type DeviceToken = typeof DeviceToken.Type

/** A device's id or name, as its app names it; empty where it names none. */
export const DeviceLabel = Schema.String.check(
  Schema.isMaxLength(255, { message: "Ensure this field has no more than 255 characters." })
)

/** A registered installation, as its owner sees it: without the token itself. */
export class PushToken extends Schema.Class<PushToken>("PushToken")({
  id: PushTokenId,
  platform: Platform,
  tokenType: TokenType,
  deviceId: DeviceLabel,
  deviceName: DeviceLabel,
  isActive: Schema.Boolean,
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
  "evicted"
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
