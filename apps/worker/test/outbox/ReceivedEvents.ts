import { Broker } from "@user-service/broker/Broker"
import type { Outcome, OutgoingMessage } from "@user-service/broker/Message"
import { type Topology, userEvents, userService } from "@user-service/broker/Topology"
import { type UserEventBody } from "@user-service/schema/amqp/UserEvents"
import { Effect, Layer, Stream } from "effect"
import type { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"

/** A queue that receives all events. */
export const allEvents = "all-events"

export const topology: Topology = {
  exchanges: [userEvents],
  queues: [{ name: allEvents, bindings: [{ exchange: userEvents.name, pattern: "#" }], deliveryLimit: 20 }]
}

/** {@link topology} and the topology of the service. */
export const wholeTopology: Topology = {
  exchanges: userService.exchanges,
  queues: [...userService.queues, ...topology.queues]
}

export interface ReceivedEvent {
  readonly id: string
  readonly routingKey: string
  readonly body: UserEventBody
}

/** Collects the events of a queue from now on, in order. */
export const listen = Effect.fnUntraced(function* (queue: string = allEvents) {
  const broker = yield* Broker
  const received: Array<ReceivedEvent> = []
  yield* broker.consume(queue, { prefetch: 500 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      received.push({
        id: message.messageId ?? "",
        routingKey: message.routingKey,
        body: JSON.parse(new TextDecoder().decode(message.body))
      })
      return ackThrough
    }),
    Effect.forkScoped
  )
  return received
})

/** The user that the event is about, or an empty text if it is about all users. */
export const userOf = ({ body }: ReceivedEvent): string => ("user_id" in body ? body.user_id : "")

/** The first names of the events by user, in order, without redeliveries. */
export const receivedNames = (received: ReadonlyArray<ReceivedEvent>): Map<string, ReadonlyArray<string>> => {
  const unique = [...new Map(received.toReversed().map((one) => [one.id, one])).values()].toReversed()
  return new Map([...Map.groupBy(unique, userOf)].map(([user, all]) => [user, all.map(nameOf)]))
}

const nameOf = ({ body }: ReceivedEvent): string =>
  "updated_fields" in body ? String(body.updated_fields["first_name"]) : body.event_type

type Publish = (messages: ReadonlyArray<OutgoingMessage>) => Effect.Effect<ReadonlyArray<Outcome>, BrokerUnavailable>

/** The broker in memory with a modified `publishAll`. */
export const layerWithPublisher = (modify: (publishAll: Publish) => Publish, declared: Topology = wholeTopology) =>
  Layer.effect(
    Broker,
    Effect.map(Broker, (broker) => ({ ...broker, publishAll: modify(broker.publishAll) }))
  ).pipe(Layer.provide(Broker.layerMemory({ topology: declared })))
