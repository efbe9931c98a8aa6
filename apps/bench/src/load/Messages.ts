import { type Channel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib"
import { Effect } from "effect"

/** Somebody else on the same RabbitMQ: one channel to publish by, and one to consume. */
export interface Peer {
  readonly publisher: ConfirmChannel
  readonly consumer: Channel
}

/** For as long as the scope. */
export const open = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      // A small message is else kept back until the one before it is acknowledged.
      const model = await connect(url, { noDelay: true })
      return { model, publisher: await model.createConfirmChannel(), consumer: await model.createChannel() }
    }),
    ({ model }) => Effect.promise(() => model.close())
  )

/** Declares a quorum queue for all that comes to the topic exchange. */
export const bind = async ({ publisher }: Peer, exchange: string, queue: string): Promise<void> => {
  await publisher.assertExchange(exchange, "topic", { durable: true })
  await publisher.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } })
  await publisher.bindQueue(queue, exchange, "#")
}

export interface Target {
  readonly exchange: string
  readonly routingKey: string
}

/** Publishes all, with so many unconfirmed at a time; ends with the last confirm. */
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

/** Takes so many from the queue and acknowledges each; ends with the last. */
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

/** Calls back for whatever comes into the queue, at once. */
export const listen = async ({ consumer }: Peer, queue: string, onMessage: () => void): Promise<void> => {
  const take = (message: ConsumeMessage | null) => {
    if (message === null) return
    onMessage()
    consumer.ack(message)
  }
  await consumer.consume(queue, take)
}
