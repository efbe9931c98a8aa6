import { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import { statusQueue } from "@user-service/broker/Topology"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import type { StatusOutcome, StatusReport } from "@user-service/domain/Delivery"
import type { DeadLetterReason } from "@user-service/schema/amqp/DeadLetters"
import { readNotificationStatus, removePersonalTexts } from "@user-service/schema/amqp/NotificationStatus"
import { Cause, Effect, Layer, Metric, Option } from "effect"
import * as Consumption from "../Consumption.ts"
import * as DeadLetterPublisher from "../dead-letters/DeadLetterPublisher.ts"
import * as Stopping from "../Stopping.ts"
import { withBatchSpans } from "./StatusTraces.ts"

const { name: queue } = statusQueue
const batchLimit = 1000

// A valid status has a few hundred bytes.
const maxBytes = 256 * 1024

/** The outcome of a message, as a label of the metric and as the reason of a dead letter. */
type Outcome = StatusOutcome | DeadLetterReason

const isDeadLetterReason = (outcome: Outcome): outcome is DeadLetterReason =>
  outcome !== "applied" && outcome !== "unchanged" && outcome !== "user_erased"

interface DecodedStatus {
  readonly delivery: Delivery
  readonly report: StatusReport
}

/**
 * Consumes the delivery statuses that senders report, until the scope closes. A batch is one transaction and is acknowledged
 * after the commit. A status that can never be applied becomes a dead letter with a reason.
 */
export const layerNoDeps = Layer.effectDiscard(
  Effect.gen(function* () {
    const statuses = yield* DeliveryStatuses
    const publishDead = DeadLetterPublisher.publish(yield* Broker)

    /** Applies the statuses in order. A batch that dies is halved until the status that causes it is alone. */
    const apply = (
      decoded: ReadonlyArray<DecodedStatus>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ): Effect.Effect<ReadonlyArray<Outcome>, Consumption.WorkAbandoned> =>
      retryUntilStopped(statuses.report(decoded.map(({ report }) => report))).pipe(
        Effect.catchCauseIf(
          (cause) => Cause.hasDies(cause) && !Cause.hasInterrupts(cause),
          (cause) => {
            if (decoded.length > 1) return applyHalves(decoded, retryUntilStopped)
            return Effect.as(Effect.logError("Unexpected error while applying a status", cause), ["failed" as const])
          }
        )
      )
    const applyHalves = (decoded: ReadonlyArray<DecodedStatus>, retryUntilStopped: Consumption.RetryUntilStopped) => {
      const middle = Math.ceil(decoded.length / 2)
      const halves = [decoded.slice(0, middle), decoded.slice(middle)]
      return Effect.map(
        Effect.forEach(halves, (half) => apply(half, retryUntilStopped)),
        (outcomes) => outcomes.flat()
      )
    }

    const handle = Effect.fnUntraced(function* (
      batch: ReadonlyArray<Delivery>,
      retryUntilStopped: Consumption.RetryUntilStopped
    ) {
      const decoded: Array<DecodedStatus> = []
      const outcomes = new Map<Delivery, Outcome>()
      for (const delivery of batch) {
        const report = readStatus(delivery)
        if (typeof report === "string") outcomes.set(delivery, report)
        else decoded.push({ delivery, report })
      }
      const applied = yield* apply(decoded, retryUntilStopped)
      for (const [index, { delivery }] of decoded.entries()) outcomes.set(delivery, applied[index] ?? "failed")
      const dead = [...outcomes].flatMap(([delivery, reason]) =>
        isDeadLetterReason(reason) ? [deadDelivery(delivery, reason)] : []
      )
      if (dead.length > 0) yield* retryUntilStopped(publishDead(dead))
      yield* count([...outcomes.values()])
    })

    const consume = yield* Consumption.make({
      queue,
      prefetch: 2 * batchLimit,
      batchLimit,
      handle: (batch, retryUntilStopped) => withBatchSpans(batch, queue)(handle(batch, retryUntilStopped))
    })
    yield* Stopping.fork([consume])
  })
)

export const layer = layerNoDeps.pipe(Layer.provide(DeliveryStatuses.layer))

const readStatus = ({ message: { body } }: Delivery): StatusReport | "undecodable" | "too_large" =>
  body.length > maxBytes ? "too_large" : Option.getOrElse(readNotificationStatus(body), () => "undecodable" as const)

// Reports of these reasons are read and understood, so nobody needs their texts, and an erasure of the user they belong to would not
// find them: this service does not know to whom they belong. A report that failed keeps all, since a replay may apply it.
const anonymousReasons: ReadonlySet<DeadLetterReason> = new Set(["unknown_notification", "user_mismatch"])

const deadDelivery = (delivery: Delivery, reason: DeadLetterReason): DeadLetterPublisher.DeadDelivery => {
  if (!anonymousReasons.has(reason)) return { delivery, reason }
  const { message } = delivery
  return { delivery: { ...delivery, message: { ...message, body: removePersonalTexts(message.body) } }, reason }
}

const count = (outcomes: ReadonlyArray<Outcome>) =>
  Effect.forEach(
    Map.groupBy(outcomes, (outcome) => outcome),
    ([outcome, group]) => Metric.update(Metric.withAttributes(statusesTotal, { outcome }), group.length),
    { discard: true }
  )

const statusesTotal = Metric.counter("notification_statuses_total", {
  description: "Statuses that were acknowledged, by outcome",
  incremental: true
})
