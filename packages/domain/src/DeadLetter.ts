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
  receivedAt: Schema.DateTimeUtc,
  /** When staff requested a replay that a worker has not completed yet. */
  replayRequestedAt: Schema.NullOr(Schema.DateTimeUtc)
}) {}

/** No dead letter has this id. A message that was replayed and dead-lettered again has a new one. */
export class DeadLetterNotFound extends Schema.TaggedError<DeadLetterNotFound>()(
  "DeadLetterNotFound",
  {},
  { httpApiStatus: 404 }
) {
  override get message() {
    return "Dead letter not found"
  }
}

/** The message was larger than what is stored of it. */
export class DeadLetterCut extends Schema.TaggedError<DeadLetterCut>()("DeadLetterCut", {}, { httpApiStatus: 409 }) {
  override get message() {
    return "Only the beginning of this message is stored, so it can be discarded, but not replayed"
  }
}
