import { type Channel, type ConsumeMessage, IllegalOperationError } from "amqplib"
import { Effect, Queue, Stream } from "effect"
import * as Channels from "./Channels.ts"
import * as Delivery from "./Delivery.ts"
import * as Link from "./Link.ts"
import type { Connection } from "./RabbitMq.ts"
import * as Wire from "./Wire.ts"

/** The deliveries of a queue, over a channel that is reopened whenever it is lost. */
export const make =
  (connection: Connection, declare: (link: Link.Link) => Effect.Effect<void>) =>
  (queue: string, { prefetch }: { readonly prefetch: number }): Stream.Stream<Delivery.Delivery> =>
    Stream.callback((deliveries) =>
      Channels.keepOpen(connection, {
        declare,
        open: (link) => link.openChannel,
        purpose: `consume ${queue}`,
        use: Effect.fnUntraced(function* ({ channel, lose }) {
          const acknowledgements = acknowledgementsOver(channel)
          // The broker redelivers unacknowledged messages, so deliveries of the lost channel must not stay in the stream.
          yield* Effect.addFinalizer(() =>
            Effect.andThen(Effect.sync(acknowledgements.close), Effect.ignore(Queue.clear(deliveries)))
          )
          const onMessage = (message: ConsumeMessage | null) => {
            if (message === null) return lose("the queue was deleted")
            const delivery = acknowledgements.take(message)
            if (delivery !== undefined) Queue.offerUnsafe(deliveries, delivery)
          }
          yield* Link.attempt(() => channel.prefetch(prefetch))
          yield* Link.attempt(() => channel.consume(queue, onMessage))
        })
      })
    )

const acknowledgementsOver = (channel: Channel) => {
  // In the order of the delivery tags.
  const unacknowledged = new Map<number, ConsumeMessage>()
  let closed = false

  const rejectMessage = (tag: number, requeue: boolean) => {
    const message = unacknowledged.get(tag)
    if (message === undefined) return
    unacknowledged.delete(tag)
    // Not nack: since RabbitMQ 4.3 it does not count towards the delivery limit.
    ignoreClosedChannel(() => channel.reject(message, requeue))
  }
  const acknowledgements: Delivery.Acknowledgements = {
    ackThrough: (through) => {
      // The broker closes the channel when a tag is acknowledged twice.
      let last: ConsumeMessage | undefined
      for (const [tag, message] of unacknowledged) {
        if (tag > through) break
        unacknowledged.delete(tag)
        last = message
      }
      const message = last
      if (message !== undefined) ignoreClosedChannel(() => channel.ack(message, true))
    },
    requeue: (tag) => rejectMessage(tag, true),
    reject: (tag) => rejectMessage(tag, false)
  }
  const take = (message: ConsumeMessage): Delivery.Delivery => {
    const { deliveryTag, redelivered } = message.fields
    const deliveryCount = Wire.deliveryCountOf(message)
    const delivery = Delivery.make(
      { message: Wire.messageOf(message), redelivered, deliveryCount },
      deliveryTag,
      acknowledgements
    )
    unacknowledged.set(deliveryTag, message)
    return delivery
  }
  return {
    take: (message: ConsumeMessage): Delivery.Delivery | undefined => (closed ? undefined : take(message)),
    close: () => {
      closed = true
      unacknowledged.clear()
    }
  }
}

// A closing channel accepts no acknowledgements. The broker redelivers its messages.
const ignoreClosedChannel = (send: () => void) => {
  try {
    send()
  } catch (cause) {
    if (!(cause instanceof IllegalOperationError)) throw cause
  }
}
