import type { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import type { Outgoing } from "@user-service/broker/Message"
import { deadStatuses } from "@user-service/broker/Topology"
import { type DeadLetterReason, reasonHeader } from "@user-service/schema/amqp/DeadLetters"
import { Data, Effect } from "effect"
import { inParts } from "./Parts.ts"

/** A message that can never be dealt with, and why. */
export interface Dead {
  readonly delivery: Delivery
  readonly reason: DeadLetterReason
}

/** Some dead letters are not confirmed, and stay where they are. */
export class NotBuried extends Data.TaggedError("NotBuried")<{ readonly left: number }> {
  override get message() {
    return `The broker confirmed all dead letters but ${this.left}`
  }
}

// More at once may take longer than a confirm may.
const bytesAtOnce = 4 * 1024 * 1024

// RabbitMQ 4 takes nothing larger, unless told to.
const mostBytes = 16 * 1024 * 1024

/**
 * Publishes messages to the dead letters as they are, with the reason as a header; they are still to be acknowledged. What
 * cannot be put on the wire again is rejected: then the broker does it, and the reason is its own. Fails where not all are
 * confirmed; tried again, it goes on with the rest.
 */
export const buryWith = (broker: Broker["Service"]) => (dead: ReadonlyArray<Dead>) => {
  let left = dead

  const publish = Effect.fnUntraced(function* (letters: ReadonlyArray<Dead>) {
    const outcomes = yield* broker.publishAll(letters.map(letterOf))
    yield* reject(letters.filter((_, index) => outcomes[index] === "refused"))
    const settled = new Set(letters.filter((_, index) => /^(confirmed|refused)$/.test(outcomes[index] ?? "")))
    left = left.filter((letter) => !settled.has(letter))
  })
  return Effect.gen(function* () {
    yield* reject(left.filter(isTooLarge))
    left = left.filter((letter) => !isTooLarge(letter))
    for (const letters of inParts(left, sizeOf, bytesAtOnce)) yield* publish(letters)
    if (left.length > 0) return yield* new NotBuried({ left: left.length })
  })
}

const isTooLarge = (dead: Dead): boolean => sizeOf(dead) > mostBytes

const reject = (dead: ReadonlyArray<Dead>) => Effect.forEach(dead, ({ delivery }) => delivery.reject, { discard: true })

const letterOf = ({ delivery: { message }, reason }: Dead): Outgoing => ({
  ...message,
  exchange: deadStatuses.name,
  headers: { ...message.headers, [reasonHeader]: reason },
  persistent: true,
  mandatory: true
})

const sizeOf = ({ delivery }: Dead): number => delivery.message.body.length
