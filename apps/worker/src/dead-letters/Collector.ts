import type { Delivery } from "@user-service/broker/Delivery"
import { deadStatusQueue, statusQueue } from "@user-service/broker/Topology"
import { type NewDeadLetter, DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { DeadLetterReason, reasonHeader } from "@user-service/schema/amqp/DeadLetters"
import { Effect, Layer, Metric, Predicate } from "effect"
import * as Consumption from "../Consumption.ts"
import * as Stopping from "../Stopping.ts"
import { inParts } from "./Parts.ts"

const batchLimit = 20

// What is larger may take longer than a statement may.
const bytesAtOnce = 4 * 1024 * 1024

/**
 * Moves dead letters from their queue into the database, where an operator finds them, as long as the scope. They are
 * acknowledged when they are kept; what comes twice is there once.
 */
export const layerNoDeps = Layer.effectDiscard(
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters

    const handle = Effect.fnUntraced(function* (
      batch: ReadonlyArray<Delivery>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ) {
      for (const part of inParts(batch.map(deadOf), ({ body }) => body.length, bytesAtOnce)) {
        yield* retryUntilStopped(deadLetters.keep(part))
        yield* count(part)
      }
    })
    const consume = yield* Consumption.make({
      queue: deadStatusQueue.name,
      prefetch: 2 * batchLimit,
      batchLimit,
      handle
    })
    yield* Stopping.fork([consume])
  })
)

export const layer = layerNoDeps.pipe(Layer.provide(DeadLetters.layer))

// Ours, else the broker's.
const reasonOf = ({ message: { headers } }: Delivery): string => {
  const reasons = [headers[reasonHeader], headers["x-first-death-reason"]]
  return reasons.find(Predicate.isString) ?? "unknown"
}

const deadOf = (delivery: Delivery): NewDeadLetter => {
  const { body, contentType, headers, messageId, routingKey } = delivery.message
  return {
    queue: statusQueue.name,
    reason: reasonOf(delivery),
    routingKey,
    headers,
    body,
    ...(messageId === undefined ? {} : { messageId }),
    ...(contentType === undefined ? {} : { contentType })
  }
}

// Anyone may write a reason, and none of it must become a label.
const known = new Set<string>([...DeadLetterReason.literals, "rejected", "delivery_limit"])

const count = (dead: ReadonlyArray<NewDeadLetter>) =>
  Effect.forEach(
    Map.groupBy(dead, ({ reason }) => (known.has(reason) ? reason : "other")),
    ([reason, those]) => Metric.update(Metric.withAttributes(kept, { reason }), those.length),
    { discard: true }
  )

const kept = Metric.counter("dead_letters_total", {
  description: "Dead letters that were taken out of their queue, by reason",
  incremental: true
})
