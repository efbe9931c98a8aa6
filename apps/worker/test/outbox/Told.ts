import { Broker } from "@user-service/broker/Broker"
import type { Outcome, OutgoingMessage } from "@user-service/broker/Message"
import { type Topology, userEvents, userService } from "@user-service/broker/Topology"
import { type UserEventBody } from "@user-service/schema/amqp/UserEvents"
import { Effect, Layer, Stream } from "effect"
import type { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"

/** The queue of whoever listens to all events. */
export const allEvents = "all-events"

export const topology: Topology = {
  exchanges: [userEvents],
  queues: [{ name: allEvents, bindings: [{ exchange: userEvents.name, pattern: "#" }], deliveryLimit: 20 }]
}

/** With what the workers declare themselves, where there is something to declare it on. */
export const wholeTopology: Topology = {
  exchanges: userService.exchanges,
  queues: [...userService.queues, ...topology.queues]
}

export interface Told {
  readonly id: string
  readonly routingKey: string
  readonly body: UserEventBody
}

/** All that comes into a queue, from now on, in its order. */
export const listen = Effect.fnUntraced(function* (queue: string = allEvents) {
  const broker = yield* Broker
  const told: Array<Told> = []
  yield* broker.consume(queue, { prefetch: 500 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      told.push({
        id: message.messageId ?? "",
        routingKey: message.routingKey,
        body: JSON.parse(new TextDecoder().decode(message.body))
      })
      return ackThrough
    }),
    Effect.forkScoped
  )
  return told
})

/** By user, the first of each id: the first names they were given. */
export const firstTold = (told: ReadonlyArray<Told>): Map<string, ReadonlyArray<string>> => {
  const once = [...new Map(told.toReversed().map((one) => [one.id, one])).values()].toReversed()
  return new Map([...Map.groupBy(once, ({ body }) => body.user_id)].map(([user, all]) => [user, all.map(nameOf)]))
}

const nameOf = ({ body }: Told): string =>
  "updated_fields" in body ? String(body.updated_fields["first_name"]) : body.event_type

type Publish = (messages: ReadonlyArray<OutgoingMessage>) => Effect.Effect<ReadonlyArray<Outcome>, BrokerUnavailable>

/** The broker in the process, with something between it and whoever publishes. */
export const layerBetween = (between: (publishAll: Publish) => Publish, of: Topology = wholeTopology) =>
  Layer.effect(
    Broker,
    Effect.map(Broker, (broker) => ({ ...broker, publishAll: between(broker.publishAll) }))
  ).pipe(Layer.provide(Broker.layerMemory({ topology: of })))
