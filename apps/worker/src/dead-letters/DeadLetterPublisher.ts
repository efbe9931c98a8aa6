import type { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { deadStatuses } from "@user-service/broker/Topology"
import { type DeadLetterReason, reasonHeader } from "@user-service/schema/amqp/DeadLetters"
import { Data, Effect } from "effect"
import { chunksBySize } from "./ChunksBySize.ts"

/** A message that can never be processed, and the reason. */
export interface DeadDelivery {
  readonly delivery: Delivery
  readonly reason: DeadLetterReason
}

/** The broker did not confirm some dead letters, which stay unacknowledged in their queue. */
export class DeadLettersUnconfirmed extends Data.TaggedError("DeadLettersUnconfirmed")<{ readonly count: number }> {
  override get message() {
    return `The broker confirmed all dead letters but ${this.count}`
  }
}

// The confirms of more bytes may take longer than the confirm timeout.
const maxChunkBytes = 4 * 1024 * 1024

// The default message size limit of RabbitMQ 4.
const maxMessageBytes = 16 * 1024 * 1024

/**
 * Publishes messages unchanged to the dead letter exchange, with the reason as a header. The caller acknowledges them
 * afterwards. A message that cannot be published again is rejected, and RabbitMQ dead-letters it with its own reason. Fails if
 * some are not confirmed; a retry continues with those.
 */
export const publish = (broker: Broker["Service"]) => (dead: ReadonlyArray<DeadDelivery>) => {
  let remaining = dead

  const publishChunk = Effect.fnUntraced(function* (letters: ReadonlyArray<DeadDelivery>) {
    const outcomes = yield* broker.publishAll(letters.map(letterOf))
    yield* reject(letters.filter((_, index) => outcomes[index] === "refused"))
    const handled = new Set(letters.filter((_, index) => /^(confirmed|refused)$/.test(outcomes[index] ?? "")))
    remaining = remaining.filter((letter) => !handled.has(letter))
  })
  return Effect.gen(function* () {
    yield* reject(remaining.filter(isTooLarge))
    remaining = remaining.filter((letter) => !isTooLarge(letter))
    for (const letters of chunksBySize(remaining, sizeOf, maxChunkBytes)) yield* publishChunk(letters)
    if (remaining.length > 0) return yield* new DeadLettersUnconfirmed({ count: remaining.length })
  })
}

const isTooLarge = (dead: DeadDelivery): boolean => sizeOf(dead) > maxMessageBytes

const reject = (dead: ReadonlyArray<DeadDelivery>) =>
  Effect.forEach(dead, ({ delivery }) => delivery.reject, { discard: true })

const letterOf = ({ delivery: { message }, reason }: DeadDelivery): OutgoingMessage => ({
  ...message,
  exchange: deadStatuses.name,
  headers: { ...message.headers, [reasonHeader]: reason },
  persistent: true,
  mandatory: true
})

const sizeOf = ({ delivery }: DeadDelivery): number => delivery.message.body.length
