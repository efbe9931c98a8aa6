import { Schema } from "effect"

/** The header that says why a message is dead. */
export const reasonHeader = "x-reason"

/** Why this service can never deal with a message. */
export const DeadLetterReason = Schema.Literals([
  "undecodable",
  "too_large",
  "unknown_notification",
  "user_mismatch",
  "failed"
])
export type DeadLetterReason = typeof DeadLetterReason.Type

/** What the service adds to the headers of a dead message, which it leaves otherwise as they came. */
export const DeadLetterHeaders = Schema.Struct({
  [reasonHeader]: Schema.optionalKey(DeadLetterReason).annotateKey({
    description:
      "Why the message is dead. `undecodable`: it is no JSON in UTF-8, or no such report. `too_large`: it is larger than 256 " +
      "KiB. `unknown_notification`: the notification was not resolved here, and the report names no user. `user_mismatch`: " +
      "the notification is another user's. `failed`: a defect of this service, which its log tells of. Absent where RabbitMQ " +
      "itself gave the message up: then `x-first-death-reason` has its reason."
  })
}).annotate({
  identifier: "DeadLetterHeaders",
  description: "The headers that the message came with, and why it is dead.",
  examples: [{ [reasonHeader]: "undecodable" }]
})
