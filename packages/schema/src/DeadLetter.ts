import type { DeadLetter } from "@user-service/domain/DeadLetter"
import { Schema } from "effect"
import { Count } from "./Count.ts"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

/** A dead letter as staff see it: without body and headers, which may be secret. */
export const DeadLetterBody = Schema.Struct({
  id: Id,
  queue: Schema.String.annotateKey({ description: "The queue whose consumer could not process the message." }),
  reason: Schema.String.annotateKey({ description: "Why, in the words of the consumer, the broker or the sender." }),
  routing_key: Schema.String,
  message_id: Schema.NullOr(Schema.String),
  size: Count.annotateKey({ description: "The size of the body in bytes." }),
  is_cut: Schema.Boolean.annotateKey({
    description: "Whether only the beginning of the body is stored. Such a message cannot be replayed."
  }),
  received_at: Timestamp,
  replay_requested_at: Schema.NullOr(Timestamp).annotateKey({
    description: "When staff requested the replay that a worker has not completed yet. Null if nobody did."
  })
}).annotate({
  identifier: "DeadLetter",
  description: "A message that could not be processed, without its body and headers.",
  examples: [
    {
      id: "0193a5c6-1f0e-7b8d-a3c2-5d4e6f7a8b9c",
      queue: "user-service.notification-status",
      reason: "failed",
      routing_key: "notification.status.email",
      message_id: "0193a5c4-5f10-7c3e-9a44-0d1f6a7b8c9d",
      size: 412,
      is_cut: false,
      received_at: "2026-11-24T10:02:00.000Z",
      replay_requested_at: null
    }
  ]
})

/** A dead letter in wire form. */
export const deadLetterBody = (letter: DeadLetter): typeof DeadLetterBody.Type => ({
  id: letter.id,
  queue: letter.queue,
  reason: letter.reason,
  routing_key: letter.routingKey,
  message_id: letter.messageId,
  size: letter.size,
  is_cut: letter.isCut,
  received_at: timestamp(letter.receivedAt),
  replay_requested_at: letter.replayRequestedAt === null ? null : timestamp(letter.replayRequestedAt)
})
