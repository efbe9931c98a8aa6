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

/** A notification over one channel, as the user sees it. */
export const DeliveryBody = Schema.Struct({
  id: Id,
  notification_id: Schema.String.annotateKey({
    description: "The sender's id of the notification. It is the same on all channels."
  }),
  channel: Schema.NullOr(Channel).annotateKey({ description: "Null if the sender did not state it." }),
  category: Schema.NullOr(Category).annotateKey({ description: "Null if the sender did not state it." }),
  status: DeliveryStatus.annotateKey({ description: "The latest status." }),
  error: Schema.NullOr(Schema.String),
  error_code: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String).annotateKey({ description: "The provider that carried the notification." }),
  created_at: Timestamp,
  updated_at: Timestamp.annotateKey({ description: "The time of the status, if the sender reported it." })
}).annotate({
  identifier: "Delivery",
  description: "A notification to a user over one channel.",
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

/** A delivery that a sender intends to send. */
export const DeliveryRequestInput = Schema.Struct({
  notification_id: Schema.optionalKey(NotificationId).annotateKey({
    description: "The sender's id of the notification, the same on all channels. Generated if absent."
  }),
  user_id: UserIdInput.annotateKey(requiredField),
  channel: Channel.annotateKey(requiredField),
  category: Category.annotateKey(requiredField),
  at: Schema.optionalKey(TimeInput).annotateKey({
    description: "When the delivery is to be sent, within 30 days of now. Defaults to now."
  }),
  unsubscribe: Schema.optionalKey(Schema.Boolean).annotateKey({
    description: "Whether to return unsubscribe links, if an e-mail of another category than `security` is allowed."
  })
}).annotate({
  identifier: "DeliveryRequest",
  description: "A delivery that a sender intends to send to a user over one channel."
})

/** The deliveries of one call. */
export const ResolveInput = Schema.Struct({
  deliveries: listUpTo(DeliveryRequestInput, maxResolved).annotateKey(requiredField)
}).annotate({ identifier: "ResolveInput", description: "The deliveries to resolve, at most 1,000." })

/** The links and headers with which the recipient of an e-mail unsubscribes. */
export const UnsubscribeLinksBody = Schema.Struct({
  url: Schema.String.annotate({ format: "uri" }).annotateKey({
    description:
      "Switches this category of this channel off. For the header, and for a link in the text. Does not expire."
  }),
  manage_url: Schema.String.annotate({ format: "uri" }).annotateKey({
    description:
      "Shows and changes all notification preferences of the user. Only for a link in the text. Good for 30 days."
  }),
  headers: Schema.Struct({
    "List-Unsubscribe": Schema.String,
    "List-Unsubscribe-Post": Schema.Literal("List-Unsubscribe=One-Click")
  }).annotateKey({
    description: "To be added to the e-mail as they are, and covered by its DKIM signature (RFC 8058)."
  })
}).annotate({
  identifier: "UnsubscribeLinks",
  description: "The links and headers with which the recipient of an e-mail unsubscribes (RFC 8058)."
})

/** The links in wire form. */
export const unsubscribeLinksBody = (links: {
  readonly url: string
  readonly manageUrl: string
}): typeof UnsubscribeLinksBody.Type => ({
  url: links.url,
  manage_url: links.manageUrl,
  headers: { "List-Unsubscribe": `<${links.url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" }
})

/** The decision on a delivery. */
export const ResolvedDelivery = Schema.Struct({
  notification_id: Schema.String.pipe(Schema.brand("NotificationId")),
  user_id: UserIdBody,
  channel: Channel,
  category: Category,
  decision: DeliveryDecision.annotateKey({ description: "`defer`: resolve it again at `until` or later." }),
  rule: Schema.NullOr(DeliveryRule).annotateKey({ description: "The first rule that prevents the delivery." }),
  until: Schema.NullOr(Timestamp),
  email: Schema.NullOr(Schema.String.annotate({ format: "email" })).annotateKey({
    description: "The recipient's address, if an e-mail is allowed."
  }),
  is_verified: Schema.Boolean.annotateKey({ description: "Whether the user has verified the address." }),
  push_tokens: Schema.Array(LivePushToken).annotateKey({
    description: "The devices to send to, if a push is allowed."
  }),
  preferences_version: Schema.NullOr(Schema.Int).annotateKey({ description: "Null if the user does not exist." }),
  unsubscribe: Schema.optionalKey(UnsubscribeLinksBody).annotateKey({
    description: "Only if the request asks for it, and an e-mail of another category than `security` is allowed."
  })
}).annotate({
  identifier: "ResolvedDelivery",
  description: "The decision on a delivery, and the recipient's address or devices.",
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

// Senders may write null for unknown values.
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** A status report of a sender, over AMQP, RPC or HTTP. */
export const StatusReportInput = Schema.Struct({
  notification_id: NotificationId.annotateKey(requiredField),
  status: DeliveryStatus.annotateKey(requiredField),
  channel: optional(Channel).annotateKey({ description: "Defaults to all channels of the notification." }),
  user_id: optional(UserIdInput).annotateKey({
    description: "The recipient. Not required if the notification was resolved by this service."
  }),
  push_token_id: optional(PushTokenIdInput).annotateKey({
    description:
      "The push token of the device. A permanent error deactivates it only if this service resolved the notification for push."
  }),
  push_token: optional(DeviceToken).annotateKey({
    description:
      "The device's token itself. A permanent error deactivates it even if this service did not resolve the notification."
  }),
  timestamp: optional(TimeInput).annotateKey({
    description: "The time of the status. Defaults to the time of receipt, also if it is in the future."
  }),
  error: optional(Text),
  error_code: optional(Text),
  bounce_type: optional(Schema.Literals(["hard", "soft"])).annotateKey({
    description:
      "A hard bounce, like a complaint, suppresses the address if this service resolved the notification for e-mail."
  }),
  provider: optional(Text)
}).annotate({
  identifier: "StatusReport",
  description:
    "The status of a notification. Its id and status suffice if the notification was resolved by this service.",
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

/** Converts a report from wire form. */
export const statusReport = (input: typeof StatusReportInput.Type): StatusReport => ({
  notificationId: input.notification_id,
  status: input.status,
  ...optionalField("channel", input.channel),
  ...optionalField("userId", input.user_id),
  ...optionalField("pushTokenId", input.push_token_id),
  ...optionalField("pushToken", input.push_token),
  ...optionalField("timestamp", input.timestamp),
  ...optionalField("error", input.error),
  ...optionalField("errorCode", input.error_code),
  ...optionalField("bounceType", input.bounce_type),
  ...optionalField("provider", input.provider)
})

const optionalField = <const Key extends string, A>(key: Key, value: A): Partial<Record<Key, NonNullable<A>>> =>
  Predicate.isNotNullish(value) ? Record.singleton(key, value) : {}

/** The reports of one call. */
export const ReportInput = Schema.Struct({
  statuses: listUpTo(StatusReportInput, maxReported).annotateKey(requiredField)
}).annotate({ identifier: "ReportInput", description: "The statuses to report, at most 1,000." })

/** The outcome of one reported status. */
export const StatusResult = Schema.Struct({
  notification_id: Schema.String.pipe(Schema.brand("NotificationId")),
  outcome: StatusOutcome.annotateKey({
    description:
      "`unchanged`: the stored status ranks the same or higher. `unknown_notification`: this service did not resolve the " +
      "notification, and the report has no user. `user_mismatch`: the notification belongs to another user. `user_erased`: " +
      "the user no longer exists."
  })
}).annotate({
  identifier: "StatusResult",
  description: "The outcome of one reported status.",
  examples: [{ notification_id: NotificationId.make("order-1729"), outcome: "applied" }]
})
export type StatusResult = typeof StatusResult.Type
