import type { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { deadStatuses } from "@user-service/broker/Topology"
import { type DeadLetterReason, reasonHeader } from "@user-service/schema/amqp/DeadLetters"
import { Data, Effect } from "effect"
import { inParts } from "./Parts.ts"

/** A message that can never be processed, and the reason. */
export interface DeadDelivery {
  readonly delivery: Delivery
  readonly reason: DeadLetterReason
}

/** The broker did not confirm some dead letters, which stay unacknowledged in their queue. */
export class DeadLettersUnconfirmed extends Data.TaggedError("DeadLettersUnconfirmed")<{ readonly left: number }> {
  override get message() {
    return `The broker confirmed all dead letters but ${this.left}`
  }
}

// A larger batch may take longer than a confirm is waited for.
const bytesAtOnce = 4 * 1024 * 1024

// The default limit of RabbitMQ 4.
const mostBytes = 16 * 1024 * 1024

/**
 * Publishes messages to the dead letter exchange as they are, with the reason as a header. The caller acknowledges them
 * afterwards. A message that cannot be published again is rejected, so that the broker dead-letters it with a reason of its
 * own. Fails where some are not confirmed; a retry continues with those.
 */
export const publish = (broker: Broker["Service"]) => (dead: ReadonlyArray<DeadDelivery>) => {
  let left = dead

  const publishPart = Effect.fnUntraced(function* (letters: ReadonlyArray<DeadDelivery>) {
    const outcomes = yield* broker.publishAll(letters.map(letterOf))
    yield* reject(letters.filter((_, index) => outcomes[index] === "refused"))
    const settled = new Set(letters.filter((_, index) => /^(confirmed|refused)$/.test(outcomes[index] ?? "")))
    left = left.filter((letter) => !settled.has(letter))
  })
  return Effect.gen(function* () {
    yield* reject(left.filter(isTooLarge))
    left = left.filter((letter) => !isTooLarge(letter))
    for (const letters of inParts(left, sizeOf, bytesAtOnce)) yield* publishPart(letters)
    if (left.length > 0) return yield* new DeadLettersUnconfirmed({ left: left.length })
  })
}

const isTooLarge = (dead: DeadDelivery): boolean => sizeOf(dead) > mostBytes

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
