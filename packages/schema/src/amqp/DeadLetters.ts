import { Schema } from "effect"

/** The header with the reason for dead-lettering. */
export const reasonHeader = "x-reason"

/** Why this service can never process a message. */
export const DeadLetterReason = Schema.Literals([
  "undecodable",
  "too_large",
  "unknown_notification",
  "user_mismatch",
  "failed"
])
export type DeadLetterReason = typeof DeadLetterReason.Type

/** The headers that the service adds to a dead letter. The original headers are kept. */
export const DeadLetterHeaders = Schema.Struct({
  [reasonHeader]: Schema.optionalKey(DeadLetterReason).annotateKey({
    description:
      "The reason. `undecodable`: the body is not JSON in UTF-8, or not a status report. `too_large`: it is larger than 256 KiB. " +
      "`unknown_notification`: this service did not resolve the notification, and the report has no user. `user_mismatch`: the " +
      "notification belongs to another user. `failed`: an unexpected error, which is in the service's log. Absent if RabbitMQ " +
      "dead-lettered the message: then `x-first-death-reason` has the reason."
  })
}).annotate({
  identifier: "DeadLetterHeaders",
  description: "The original headers of the message, and the reason for dead-lettering.",
  examples: [{ [reasonHeader]: "undecodable" }]
})
