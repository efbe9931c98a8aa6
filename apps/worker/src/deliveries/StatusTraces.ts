import type { Delivery } from "@user-service/broker/Delivery"
import { Effect, Option, Predicate } from "effect"
import { Headers, HttpTraceContext } from "effect/http"

const name = "process notification_status"

/**
 * Makes what is done with a batch part of the traces that its messages belong to: a span in each trace that is sampled, and
 * one of the whole batch, linked with them. So a message of no trace costs nothing.
 */
export const traced =
  (batch: ReadonlyArray<Delivery>, queue: string) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue
      }
      const spans = yield* Effect.forEach(batch.flatMap(sampledOf), (parent) =>
        Effect.makeSpanScoped(name, { kind: "consumer", parent, attributes })
      )
      return yield* Effect.withSpan(work, `${name} batch`, {
        root: true,
        kind: "consumer",
        attributes: { ...attributes, "messaging.batch.message_count": batch.length },
        links: spans.map((span) => ({ span, attributes: {} }))
      })
    }).pipe(Effect.scoped)

const sampledOf = ({ message: { headers } }: Delivery) => {
  const { traceparent } = headers
  if (!Predicate.isString(traceparent)) return []
  const parent = HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent }))
  return Option.isSome(parent) && parent.value.sampled ? [parent.value] : []
}
