import { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { userEvents, userMail } from "@user-service/broker/Topology"
import { Effect, Layer, Redacted, Stream } from "effect"
import { waitUntil } from "./WaitUntil.ts"

const queue = "somebody-else"

interface Told {
  readonly routingKey: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A message of another service. */
export const message = (exchange: string, routingKey: string, body: object): OutgoingMessage => ({
  exchange,
  routingKey,
  body: new TextEncoder().encode(JSON.stringify(body)),
  persistent: true,
  mandatory: true,
  headers: {}
})

/** Publishes a message, as soon as a queue is bound for it. */
export const publish = (one: OutgoingMessage) =>
  Broker.use(({ publishAll }) =>
    waitUntil(
      `A queue is bound for ${one.routingKey}`,
      Effect.map(publishAll([one]), ([outcome]) => outcome === "confirmed")
    )
  )

/** Collects the events from now on, as another service receives them. */
export const listen = Effect.fnUntraced(function* () {
  const { consume } = yield* Broker
  const told: Array<Told> = []
  yield* consume(queue, { prefetch: 100 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      told.push({ routingKey: message.routingKey, body: JSON.parse(new TextDecoder().decode(message.body)) })
      return ackThrough
    }),
    Effect.forkScoped
  )
  yield* publish(message(userEvents.name, "probe", {}))
  return told
})

/** The broker connection of another service, with its own queue for all user events. */
export const layerListener = (url: string) =>
  Broker.layerRabbitMq({
    topology: {
      exchanges: [userEvents],
      queues: [{ name: queue, bindings: [{ exchange: userEvents.name, pattern: "#" }], deliveryLimit: 20 }]
    }
  }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(url) })))

const mailQueue = "email-service"

/** Collects the mails from now on, as the Email service receives them. */
export const listenForMails = Effect.gen(function* () {
  const { consume } = yield* Broker
  const received: Array<Told> = []
  yield* consume(mailQueue, { prefetch: 100 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      received.push({ routingKey: message.routingKey, body: JSON.parse(new TextDecoder().decode(message.body)) })
      return ackThrough
    }),
    Effect.forkScoped
  )
  return received
})

/** The broker connection of the Email service, with its queue for mails of these types. */
export const layerMailListener = (url: string, ...types: ReadonlyArray<string>) =>
  Broker.layerRabbitMq({
    topology: {
      exchanges: [userMail],
      queues: [
        {
          name: mailQueue,
          bindings: types.map((pattern) => ({ exchange: userMail.name, pattern })),
          deliveryLimit: 20
        }
      ]
    }
  }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(url) })))
