import { Schema } from "effect"

export const DeadLetterId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("DeadLetterId"))
export type DeadLetterId = typeof DeadLetterId.Type

/** A message that could not be processed. Without its body, which may contain addresses and push tokens. */
export class DeadLetter extends Schema.Class<DeadLetter>("DeadLetter")({
  id: DeadLetterId,
  /** The queue whose consumer failed to process it. */
  queue: Schema.String,
  reason: Schema.String,
  routingKey: Schema.String,
  messageId: Schema.NullOr(Schema.String),
  /** The size of the received body, in bytes. */
  size: Schema.Int,
  /** Whether only the beginning of the body is stored. */
  isCut: Schema.Boolean,
  receivedAt: Schema.DateTimeUtc
}) {}
