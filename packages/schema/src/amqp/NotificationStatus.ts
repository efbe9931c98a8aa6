import { Channel, DeliveryStatus, NotificationId, type StatusReport } from "@user-service/domain/Delivery"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { Text } from "@user-service/domain/Text"
import { UserId } from "@user-service/domain/User"
import { DateTime, Option, Predicate, Record, Schema, SchemaTransformation } from "effect"
import { required } from "../Input.ts"
import { Timestamp } from "../Timestamp.ts"

// Many a sender writes null for what it does not know.
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

// Letters are small where ids are kept, and compared.
const Id = Schema.String.annotate({ format: "uuid" }).pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.toLowerCase())
)

// RFC 3339, with any offset. What is finer than a millisecond is lost.
const Time = Timestamp.check(
  Schema.isPattern(/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/, {
    message: "Enter a time as 2026-11-24T10:00:00Z."
  })
)

/** The body of a message that comes in over the exchange `notification_status`. */
export const NotificationStatusBody = Schema.Struct({
  notification_id: NotificationId.annotateKey(required),
  status: DeliveryStatus.annotateKey(required),
  channel: optional(Channel),
  user_id: optional(Id.pipe(Schema.decodeTo(UserId))),
  push_token_id: optional(Id.pipe(Schema.decodeTo(PushTokenId))),
  push_token: optional(DeviceToken),
  timestamp: optional(Time.pipe(Schema.decodeTo(Schema.DateTimeUtcFromString))),
  error: optional(Text),
  error_code: optional(Text),
  bounce_type: optional(Schema.Literals(["hard", "soft"])),
  provider: optional(Text)
}).annotate({
  identifier: "NotificationStatus",
  description: "What became of a notification. Its id and the status are enough where it was resolved here.",
  examples: [
    {
      notification_id: NotificationId.make("0193a5c4-5f10-7c3e-9a44-0d1f6a7b8c9d"),
      status: "failed",
      channel: "push",
      push_token_id: PushTokenId.make("0193a5c3-02aa-7e0f-8d51-6b7f4e9a1c20"),
      timestamp: DateTime.makeUnsafe("2026-11-24T10:02:00Z"),
      error: "Requested entity was not found.",
      error_code: "UNREGISTERED",
      provider: "fcm"
    }
  ]
})

/** The report that a body makes. */
export const statusReport = (body: typeof NotificationStatusBody.Type): StatusReport => ({
  notificationId: body.notification_id,
  status: body.status,
  ...said("channel", body.channel),
  ...said("userId", body.user_id),
  ...said("pushTokenId", body.push_token_id),
  ...said("pushToken", body.push_token),
  ...said("timestamp", body.timestamp),
  ...said("error", body.error),
  ...said("errorCode", body.error_code),
  ...said("bounceType", body.bounce_type),
  ...said("provider", body.provider)
})

const said = <const Key extends string, A>(key: Key, value: A): Partial<Record<Key, NonNullable<A>>> =>
  Predicate.isNotNullish(value) ? Record.singleton(key, value) : {}

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(NotificationStatusBody))

/** What a message says, or nothing where its body is no JSON in UTF-8, or not such a report. */
export const readNotificationStatus = (body: Uint8Array): Option.Option<StatusReport> =>
  Option.map(Option.flatMap(decodeText(body), decodeBody), statusReport)

const utf8 = new TextDecoder("utf-8", { fatal: true })
const decodeText = Option.liftThrowable((bytes: Uint8Array) => utf8.decode(bytes))
