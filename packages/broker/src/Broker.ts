import { Context, Effect, Layer, Stream } from "effect"
import type { BrokerUnavailable } from "./BrokerUnavailable.ts"
import type { Delivery } from "./Delivery.ts"
import * as MemoryBroker from "./MemoryBroker.ts"
import type { Outcome, OutgoingMessage } from "./Message.ts"
import { consumedCounter, publishedCounter } from "./Metrics.ts"
import type { Connections } from "./RabbitMq.ts"
import * as RabbitMqBroker from "./RabbitMqBroker.ts"

/** Publishes with confirms and consumes with acknowledgements. Both deliver at least once. */
export class Broker extends Context.Service<
  Broker,
  {
    /**
     * Publishes the messages in order, without waiting for a confirm between them, and returns the outcome of each in the same
     * order. Takes bounded time, see the layer's settings.
     */
    readonly publishAll: (
      messages: ReadonlyArray<OutgoingMessage>
    ) => Effect.Effect<ReadonlyArray<Outcome>, BrokerUnavailable>
    /**
     * The deliveries of the queue, at most `prefetch` of them unacknowledged at a time. A chunk of the stream holds all
     * deliveries that have arrived, so acknowledging its last acknowledges the chunk. The stream never ends by itself: it
     * continues after outages, lost channels and the deletion of the queue. When the caller ends it, unacknowledged messages
     * return to the queue.
     */
    readonly consume: (queue: string, options: { readonly prefetch: number }) => Stream.Stream<Delivery>
  }
>()("@user-service/broker/Broker") {
  /**
   * On RabbitMQ. Publishing uses a separate connection: a broker short of memory or disk stops reading it, and must still read
   * the acknowledgements of consumers.
   */
  static readonly layerRabbitMq = (
    settings: RabbitMqBroker.RabbitMqBrokerSettings
  ): Layer.Layer<Broker, never, Connections> =>
    Layer.effect(Broker, Effect.flatMap(RabbitMqBroker.make(settings), make))
  /** In memory. */
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
        publishedCounter(outcome).updateUnsafe(outcomes.filter((other) => other === outcome).length, context)
      }
      return outcomes
    }),
    consume: (queue, options) => {
      const received = consumedCounter(queue)
      return Stream.mapArray(engine.consume(queue, options), (deliveries) => {
        received.updateUnsafe(deliveries.length, context)
        return deliveries
      })
    }
  })
})
