import type { Delivery } from "@user-service/broker/Delivery"
import { Effect, Option, Predicate } from "effect"
import { Headers, HttpTraceContext } from "effect/http"

const name = "process notification_status"

/**
 * Adds a span to each sampled trace that a message of the batch belongs to, and runs the work in a span of the batch that
 * links to them. A message without a sampled trace costs nothing.
 */
export const withBatchSpans =
  (batch: ReadonlyArray<Delivery>, queue: string) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue
      }
      const spans = yield* Effect.forEach(batch.flatMap(sampledParent), (parent) =>
        Effect.makeSpanScoped(name, { kind: "consumer", parent, attributes })
      )
      return yield* Effect.withSpan(work, `${name} batch`, {
        root: true,
        kind: "consumer",
        attributes: { ...attributes, "messaging.batch.message_count": batch.length },
        links: spans.map((span) => ({ span, attributes: {} }))
      })
    }).pipe(Effect.scoped)

const sampledParent = ({ message: { headers } }: Delivery) => {
  const { traceparent } = headers
  if (!Predicate.isString(traceparent)) return []
  const parent = HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent }))
  return Option.isSome(parent) && parent.value.sampled ? [parent.value] : []
}
