import { Category, Channel, type Delivery, DeliveryStatus } from "@user-service/domain/Delivery"
import { Schema } from "effect"
import { Id } from "./Id.ts"
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
