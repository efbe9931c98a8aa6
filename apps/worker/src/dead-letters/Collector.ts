import type { Delivery } from "@user-service/broker/Delivery"
import { deadStatusQueue, statusQueue } from "@user-service/broker/Topology"
import { type NewDeadLetter, DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { DeadLetterReason, reasonHeader } from "@user-service/schema/amqp/DeadLetters"
import { Effect, Layer, Metric, Predicate } from "effect"
import * as Consumption from "../Consumption.ts"
import * as Stopping from "../Stopping.ts"
import { chunksBySize } from "./ChunksBySize.ts"

const batchLimit = 20

// Storing more may exceed the timeout of a statement.
const maxBytes = 4 * 1024 * 1024

/**
 * Moves dead letters from their queue to the database, for an operator, until the scope closes. They are acknowledged after
 * they are stored. A redelivered dead letter is stored once.
 */
export const layerNoDeps = Layer.effectDiscard(
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters
    yield* Effect.forEach(knownReasons, (reason) => Metric.update(totalOf(reason), 0), { discard: true })

    const handle = Effect.fnUntraced(function* (
      batch: ReadonlyArray<Delivery>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ) {
      for (const chunk of chunksBySize(batch.map(deadLetterOf), ({ body }) => body.length, maxBytes)) {
        yield* retryUntilStopped(deadLetters.keep(chunk))
        yield* count(chunk)
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

// The reason of this service, otherwise the reason of RabbitMQ.
const reasonOf = ({ message: { headers } }: Delivery): string => {
  const reasons = [headers[reasonHeader], headers["x-first-death-reason"]]
  return reasons.find(Predicate.isString) ?? "unknown"
}

const deadLetterOf = (delivery: Delivery): NewDeadLetter => {
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

// Any publisher may set the header, so other reasons must not become labels of the metric.
const knownReasons = new Set<string>([...DeadLetterReason.literals, "rejected", "delivery_limit"])

const count = (dead: ReadonlyArray<NewDeadLetter>) =>
  Effect.forEach(
    Map.groupBy(dead, ({ reason }) => (knownReasons.has(reason) ? reason : "other")),
    ([reason, group]) => Metric.update(totalOf(reason), group.length),
    { discard: true }
  )

const totalOf = (reason: string) => Metric.withAttributes(deadLettersTotal, { reason })
const deadLettersTotal = Metric.counter("dead_letters_total", {
  description: "Dead letters that were moved from their queue to the database, by reason",
  incremental: true
})
