import { Schema } from "effect"

export const DeadLetterId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("DeadLetterId"))
export type DeadLetterId = typeof DeadLetterId.Type

/** A message that could never be dealt with, without what it says: that may hold addresses and push tokens. */
export class DeadLetter extends Schema.Class<DeadLetter>("DeadLetter")({
  id: DeadLetterId,
  /** Where it was to be dealt with. */
  queue: Schema.String,
  reason: Schema.String,
  routingKey: Schema.String,
  messageId: Schema.NullOr(Schema.String),
  /** In bytes, when it came. */
  size: Schema.Int,
  /** Only the beginning of it was kept. */
  isCut: Schema.Boolean,
  receivedAt: Schema.DateTimeUtc
}) {}
