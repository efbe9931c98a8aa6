import { type Channel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib"
import { Effect } from "effect"

/** A client of RabbitMQ besides the service, with a channel to publish and one to consume. */
export interface Peer {
  readonly publisher: ConfirmChannel
  readonly consumer: Channel
}

/** Connects until the scope closes. */
export const open = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      // With Nagle's algorithm a small message would wait for the TCP acknowledgement of the previous one.
      const model = await connect(url, { noDelay: true })
      return { model, publisher: await model.createConfirmChannel(), consumer: await model.createChannel() }
    }),
    ({ model }) => Effect.promise(() => model.close())
  )

/** Declares a quorum queue and binds it to all messages of the topic exchange. */
export const bind = async ({ publisher }: Peer, exchange: string, queue: string): Promise<void> => {
  await publisher.assertExchange(exchange, "topic", { durable: true })
  await publisher.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } })
  await publisher.bindQueue(queue, exchange, "#")
}

export interface Target {
  readonly exchange: string
  readonly routingKey: string
}

/** Publishes all bodies with at most `inFlight` unconfirmed ones, and resolves after the last confirm. */
export const publishAll = (
  { publisher }: Peer,
  { exchange, routingKey }: Target,
  bodies: ReadonlyArray<Buffer>,
  inFlight: number
): Promise<void> =>
  new Promise((resolve, reject) => {
    let sent = 0
    let confirmed = 0
    const send = () => {
      const body = bodies[sent++]
      if (body === undefined) return
      publisher.publish(exchange, routingKey, body, { persistent: true }, (error: unknown) => {
        if (error !== null) return reject(error)
        confirmed++
        if (confirmed === bodies.length) resolve()
        else send()
      })
    }
    for (let turn = 0; turn < inFlight; turn++) send()
  })

/** Consumes `count` messages and acknowledges each one, and resolves after the last. */
export const consumeAll = async ({ consumer }: Peer, queue: string, count: number, prefetch: number): Promise<void> => {
  await consumer.prefetch(prefetch)
  await new Promise<void>((resolve) => {
    let taken = 0
    const take = (message: ConsumeMessage | null) => {
      if (message === null) return
      consumer.ack(message)
      taken++
      if (taken === count) resolve()
    }
    void consumer.consume(queue, take, { consumerTag: queue })
  })
  await consumer.cancel(queue)
}

/** Calls `onMessage` for each message of the queue. */
export const listen = async ({ consumer }: Peer, queue: string, onMessage: () => void): Promise<void> => {
  const take = (message: ConsumeMessage | null) => {
    if (message === null) return
    onMessage()
    consumer.ack(message)
  }
  await consumer.consume(queue, take)
}
