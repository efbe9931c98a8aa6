import { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import { statusQueue } from "@user-service/broker/Topology"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import type { StatusOutcome, StatusReport } from "@user-service/domain/Delivery"
import type { DeadLetterReason } from "@user-service/schema/amqp/DeadLetters"
import { readNotificationStatus } from "@user-service/schema/amqp/NotificationStatus"
import { Cause, Effect, Layer, Metric, Option } from "effect"
import * as Consumption from "../Consumption.ts"
import * as DeadLetterPublisher from "../dead-letters/DeadLetterPublisher.ts"
import * as Stopping from "../Stopping.ts"
import { traced } from "./StatusTraces.ts"

const { name: queue } = statusQueue
const batchLimit = 1000

// All that is said of one is a few hundred bytes.
const mostBytes = 256 * 1024

/** What became of a message. */
type Outcome = StatusOutcome | DeadLetterReason

const isDeadly = (outcome: Outcome): outcome is DeadLetterReason =>
  outcome !== "applied" && outcome !== "unchanged" && outcome !== "user_erased"

interface Received {
  readonly delivery: Delivery
  readonly report: StatusReport
}

/**
 * Takes in what senders tell of deliveries, as long as the scope: a batch is one transaction, acknowledged when that is
 * committed. What can never be applied is a dead letter, with its reason.
 */
export const layerNoDeps = Layer.effectDiscard(
  Effect.gen(function* () {
    const statuses = yield* DeliveryStatuses
    const publishDead = DeadLetterPublisher.publish(yield* Broker)

    /** Applies them in their order. What dies takes no other with it. */
    const apply = (
      received: ReadonlyArray<Received>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ): Effect.Effect<ReadonlyArray<Outcome>, Consumption.Abandoned> =>
      retryUntilStopped(statuses.report(received.map(({ report }) => report))).pipe(
        Effect.catchCauseIf(
          (cause) => Cause.hasDies(cause) && !Cause.hasInterrupts(cause),
          (cause) => {
            if (received.length > 1) return applyOneByOne(received, retryUntilStopped)
            return Effect.as(Effect.logError("A status failed, for a reason of ours", cause), ["failed" as const])
          }
        )
      )
    const applyOneByOne = (received: ReadonlyArray<Received>, retryUntilStopped: Consumption.RetryUntilStopped) => {
      const middle = Math.ceil(received.length / 2)
      const halves = [received.slice(0, middle), received.slice(middle)]
      return Effect.map(
        Effect.forEach(halves, (half) => apply(half, retryUntilStopped)),
        (outcomes) => outcomes.flat()
      )
    }

    const handle = Effect.fnUntraced(function* (
      batch: ReadonlyArray<Delivery>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ) {
      const received: Array<Received> = []
      const outcomes = new Map<Delivery, Outcome>()
      for (const delivery of batch) {
        const read = readStatus(delivery)
        if (typeof read === "string") outcomes.set(delivery, read)
        else received.push({ delivery, report: read })
      }
      const applied = yield* apply(received, retryUntilStopped)
      for (const [index, { delivery }] of received.entries()) outcomes.set(delivery, applied[index] ?? "failed")
      const dead = [...outcomes].flatMap(([delivery, reason]) => (isDeadly(reason) ? [{ delivery, reason }] : []))
      if (dead.length > 0) yield* retryUntilStopped(publishDead(dead))
      yield* count([...outcomes.values()])
    })

    const consume = yield* Consumption.make({
      queue,
      prefetch: 2 * batchLimit,
      batchLimit,
      handle: (batch, retryUntilStopped) => traced(batch, queue)(handle(batch, retryUntilStopped))
    })
    yield* Stopping.fork([consume])
  })
)

export const layer = layerNoDeps.pipe(Layer.provide(DeliveryStatuses.layer))

const readStatus = ({ message: { body } }: Delivery): StatusReport | "undecodable" | "too_large" =>
  body.length > mostBytes ? "too_large" : Option.getOrElse(readNotificationStatus(body), () => "undecodable" as const)

const count = (outcomes: ReadonlyArray<Outcome>) =>
  Effect.forEach(
    Map.groupBy(outcomes, (outcome) => outcome),
    ([outcome, those]) => Metric.update(Metric.withAttributes(consumed, { outcome }), those.length),
    { discard: true }
  )

const consumed = Metric.counter("notification_statuses_total", {
  description: "Statuses that were acknowledged, by what became of them",
  incremental: true
})
