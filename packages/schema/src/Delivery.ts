import {
  Category,
  Channel,
  type Delivery,
  DeliveryDecision,
  DeliveryRule,
  DeliveryStatus,
  maxReported,
  maxResolved,
  NotificationId,
  StatusOutcome,
  type StatusReport
} from "@user-service/domain/Delivery"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { Text } from "@user-service/domain/Text"
import { DateTime, Predicate, Record, Schema } from "effect"
import { Id, UserIdBody } from "./Id.ts"
import { listUpTo, PushTokenIdInput, requiredField, TimeInput, UserIdInput } from "./Input.ts"
import { LivePushToken, livePushTokenExample } from "./PushToken.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

/** A notification on its way to a user over one channel, as the user sees it. */
export const DeliveryBody = Schema.Struct({
  id: Id,
  notification_id: Schema.String.annotateKey({ description: "What its sender calls it, over all channels." }),
  channel: Schema.NullOr(Channel).annotateKey({ description: "Null where its sender never said." }),
  category: Schema.NullOr(Category).annotateKey({ description: "Null where its sender never said." }),
  status: DeliveryStatus.annotateKey({ description: "How far it came." }),
  error: Schema.NullOr(Schema.String),
  error_code: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String).annotateKey({ description: "Who carried it." }),
  created_at: Timestamp,
  updated_at: Timestamp.annotateKey({ description: "When its status came to be, as far as its sender said." })
}).annotate({
  identifier: "Delivery",
  description: "A notification on its way to a user over one channel.",
  examples: [
    {
      id: "0193a5c3-4d1c-7a52-b0c4-9e7f1d2a6b35",
      notification_id: "order-1815-shipped",
      channel: "push",
      category: "transactional",
      status: "delivered",
      error: null,
      error_code: null,
      provider: "apns",
      created_at: "2026-11-24T10:02:00.000Z",
      updated_at: "2026-11-24T10:02:03.000Z"
    }
  ]
})

/** A delivery in wire form. */
export const deliveryBody = (delivery: Delivery): typeof DeliveryBody.Type => ({
  id: delivery.id,
  notification_id: delivery.notificationId,
  channel: delivery.channel,
  category: delivery.category,
  status: delivery.status,
  error: delivery.error,
  error_code: delivery.errorCode,
  provider: delivery.provider,
  created_at: timestamp(delivery.createdAt),
  updated_at: timestamp(delivery.updatedAt)
})

/** A delivery that a service wants to send. */
export const DeliveryRequestInput = Schema.Struct({
  notification_id: Schema.optionalKey(NotificationId).annotateKey({
    description: "What the sender calls the notification, over whatever channels it goes; made where it is absent."
  }),
  user_id: UserIdInput.annotateKey(requiredField),
  channel: Channel.annotateKey(requiredField),
  category: Category.annotateKey(requiredField),
  at: Schema.optionalKey(TimeInput).annotateKey({
    description: "When it is to be sent, within 30 days of now, and now where it is absent."
  })
}).annotate({
  identifier: "DeliveryRequest",
  description: "A delivery that a service wants to send to a user over one channel."
})

/** The deliveries of one call. */
export const ResolveInput = Schema.Struct({
  deliveries: listUpTo(DeliveryRequestInput, maxResolved).annotateKey(requiredField)
}).annotate({ identifier: "ResolveInput", description: "The deliveries to decide upon, at most 1,000." })

/** Whether a delivery may be sent, and where to. */
export const ResolvedDelivery = Schema.Struct({
  notification_id: Schema.String.pipe(Schema.brand("NotificationId")),
  user_id: UserIdBody,
  channel: Channel,
  category: Category,
  decision: DeliveryDecision.annotateKey({ description: "`defer`: ask again, no sooner than `until`." }),
  rule: Schema.NullOr(DeliveryRule).annotateKey({ description: "Why not: the first rule that applies." }),
  until: Schema.NullOr(Timestamp),
  email: Schema.NullOr(Schema.String.annotate({ format: "email" })).annotateKey({
    description: "The address, of an e-mail that is allowed."
  }),
  is_verified: Schema.Boolean.annotateKey({ description: "Whether the user has shown the address to be theirs." }),
  push_tokens: Schema.Array(LivePushToken).annotateKey({ description: "The devices, of a push that is allowed." }),
  preferences_version: Schema.NullOr(Schema.Int).annotateKey({ description: "Null where there is no such user." })
}).annotate({
  identifier: "ResolvedDelivery",
  description: "Whether a delivery may be sent, and where to.",
  examples: [
    {
      notification_id: NotificationId.make("order-1729"),
      user_id: UserIdBody.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42"),
      channel: "push",
      category: "transactional",
      decision: "allow",
      rule: null,
      until: null,
      email: null,
      is_verified: true,
      push_tokens: [livePushTokenExample],
      preferences_version: 7
    }
  ]
})
export type ResolvedDelivery = typeof ResolvedDelivery.Type

// Many a sender writes null for what it does not know.
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** What a sender tells of a delivery, whether over AMQP, RPC or HTTP. */
export const StatusReportInput = Schema.Struct({
  notification_id: NotificationId.annotateKey(requiredField),
  status: DeliveryStatus.annotateKey(requiredField),
  channel: optional(Channel).annotateKey({ description: "Every channel of the notification where it is absent." }),
  user_id: optional(UserIdInput).annotateKey({ description: "Whose it is; not needed for what was resolved here." }),
  push_token_id: optional(PushTokenIdInput).annotateKey({
    description:
      "The device it is about. A permanent error deactivates it only where the notification was resolved here for push."
  }),
  push_token: optional(DeviceToken).annotateKey({
    description:
      "The same by its token. A permanent error deactivates it whether the notification was resolved here or not."
  }),
  timestamp: optional(TimeInput).annotateKey({
    description: "When it came to be; when it is received, where it is absent or in the future."
  }),
  error: optional(Text),
  error_code: optional(Text),
  bounce_type: optional(Schema.Literals(["hard", "soft"])).annotateKey({
    description:
      "A hard bounce, as a complaint, suppresses the address where the notification was resolved here for e-mail."
  }),
  provider: optional(Text)
}).annotate({
  identifier: "StatusReport",
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

/** The input as what it reports. */
export const statusReport = (input: typeof StatusReportInput.Type): StatusReport => ({
  notificationId: input.notification_id,
  status: input.status,
  ...said("channel", input.channel),
  ...said("userId", input.user_id),
  ...said("pushTokenId", input.push_token_id),
  ...said("pushToken", input.push_token),
  ...said("timestamp", input.timestamp),
  ...said("error", input.error),
  ...said("errorCode", input.error_code),
  ...said("bounceType", input.bounce_type),
  ...said("provider", input.provider)
})

const said = <const Key extends string, A>(key: Key, value: A): Partial<Record<Key, NonNullable<A>>> =>
  Predicate.isNotNullish(value) ? Record.singleton(key, value) : {}

/** The statuses of one call. */
export const ReportInput = Schema.Struct({
  statuses: listUpTo(StatusReportInput, maxReported).annotateKey(requiredField)
}).annotate({ identifier: "ReportInput", description: "What became of deliveries, at most 1,000 statuses." })

/** What became of one status. */
export const StatusResult = Schema.Struct({
  notification_id: Schema.String.pipe(Schema.brand("NotificationId")),
  outcome: StatusOutcome.annotateKey({
    description:
      "`unchanged`: what stands is as high or higher. `unknown_notification`: it was not resolved here, and the report " +
      "names no user. `user_mismatch`: it is another user's. `user_erased`: there is nobody to keep it for."
  })
}).annotate({
  identifier: "StatusResult",
  description: "What became of one status.",
  examples: [{ notification_id: NotificationId.make("order-1729"), outcome: "applied" }]
})
export type StatusResult = typeof StatusResult.Type
