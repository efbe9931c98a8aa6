import { Context, Effect, Layer, Stream } from "effect"
import type { BrokerUnavailable } from "./BrokerUnavailable.ts"
import type { Delivery } from "./Delivery.ts"
import * as MemoryBroker from "./MemoryBroker.ts"
import type { Outcome, Outgoing } from "./Message.ts"
import { consumed, published } from "./Metrics.ts"
import type { Connections } from "./RabbitMq.ts"
import * as RabbitMqBroker from "./RabbitMqBroker.ts"

/** Messages out, confirmed, and messages in, acknowledged: at least once, either way. */
export class Broker extends Context.Service<
  Broker,
  {
    /**
     * Publishes in order, waits for no confirm before the next message, and tells what became of each, in the same order.
     * In bounded time: see the layer's settings.
     */
    readonly publishAll: (messages: ReadonlyArray<Outgoing>) => Effect.Effect<ReadonlyArray<Outcome>, BrokerUnavailable>
    /**
     * What comes into the queue, at most `prefetch` of it unanswered at a time. A chunk of the stream is all that has come by
     * then, so it can be answered at once by its last. Never ends by itself: it goes on over outages, lost channels and a
     * deleted queue. When it is ended, what is not answered goes back.
     */
    readonly consume: (queue: string, options: { readonly prefetch: number }) => Stream.Stream<Delivery>
  }
>()("@user-service/broker/Broker") {
  /** On RabbitMQ. What is published takes a connection of its own, so that a broker that blocks it still hears consumers. */
  static readonly layerRabbitMq = (
    settings: RabbitMqBroker.RabbitMqBrokerSettings
  ): Layer.Layer<Broker, never, Connections> =>
    Layer.effect(Broker, Effect.flatMap(RabbitMqBroker.make(settings), make))
  /** Within the process. */
  static readonly layerMemory = (settings: MemoryBroker.MemoryBrokerSettings): Layer.Layer<Broker> =>
    Layer.effect(Broker, Effect.flatMap(MemoryBroker.make(settings), make))
}

const make = Effect.fnUntraced(function* (engine: Broker["Service"]) {
  const context = yield* Effect.context<never>()

  return Broker.of({
    publishAll: Effect.fn("Broker.publishAll")(function* (messages) {
      if (messages.length === 0) return []
      const outcomes = yield* engine.publishAll(messages)
      for (const outcome of new Set(outcomes)) {
        published(outcome).updateUnsafe(outcomes.filter((other) => other === outcome).length, context)
      }
      return outcomes
    }),
    consume: (queue, options) => {
      const received = consumed(queue)
      return Stream.mapArray(engine.consume(queue, options), (deliveries) => {
        received.updateUnsafe(deliveries.length, context)
        return deliveries
      })
    }
  })
})
