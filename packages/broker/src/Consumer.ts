import { type Channel, type ConsumeMessage, IllegalOperationError } from "amqplib"
import { Effect, Queue, Stream } from "effect"
import * as Channels from "./Channels.ts"
import * as Delivery from "./Delivery.ts"
import * as Link from "./Link.ts"
import type { Connection } from "./RabbitMq.ts"
import * as Wire from "./Wire.ts"

/** What comes into a queue, over a channel of the connection, opened again as often as it is lost. */
export const make =
  (connection: Connection, declare: (link: Link.Link) => Effect.Effect<void>) =>
  (queue: string, { prefetch }: { readonly prefetch: number }): Stream.Stream<Delivery.Delivery> =>
    Stream.callback((deliveries) =>
      Channels.keepOpen(connection, {
        declare,
        open: (link) => link.openChannel,
        purpose: `consume ${queue}`,
        use: Effect.fnUntraced(function* ({ channel, lose }) {
          const answers = answersOver(channel)
          // What is not answered comes again, so what was not even taken must not stay here.
          yield* Effect.addFinalizer(() =>
            Effect.andThen(Effect.sync(answers.close), Effect.ignore(Queue.clear(deliveries)))
          )
          const onMessage = (message: ConsumeMessage | null) => {
            if (message === null) return lose("the queue was deleted")
            const delivery = answers.take(message)
            if (delivery !== undefined) Queue.offerUnsafe(deliveries, delivery)
          }
          yield* Link.attempt(() => channel.prefetch(prefetch))
          yield* Link.attempt(() => channel.consume(queue, onMessage))
        })
      })
    )

const answersOver = (channel: Channel) => {
  // In the order of their tags.
  const open = new Map<number, ConsumeMessage>()
  let closed = false

  const answer = (tag: number, requeue: boolean) => {
    const message = open.get(tag)
    if (message === undefined) return
    open.delete(tag)
    // Not nack, which from RabbitMQ 4.3 on does not count towards the delivery limit.
    tell(() => channel.reject(message, requeue))
  }
  const answers: Delivery.Answers = {
    ackThrough: (through) => {
      // The broker closes the channel over a tag that is answered already.
      let last: ConsumeMessage | undefined
      for (const [tag, message] of open) {
        if (tag > through) break
        open.delete(tag)
        last = message
      }
      const message = last
      if (message !== undefined) tell(() => channel.ack(message, true))
    },
    requeue: (tag) => answer(tag, true),
    reject: (tag) => answer(tag, false)
  }
  const take = (message: ConsumeMessage): Delivery.Delivery => {
    const { deliveryTag, redelivered } = message.fields
    const deliveryCount = Wire.deliveryCountOf(message)
    const delivery = Delivery.make(
      { message: Wire.messageOf(message), redelivered, deliveryCount },
      deliveryTag,
      answers
    )
    open.set(deliveryTag, message)
    return delivery
  }
  return {
    take: (message: ConsumeMessage): Delivery.Delivery | undefined => (closed ? undefined : take(message)),
    close: () => {
      closed = true
      open.clear()
    }
  }
}

// A channel on its way out takes no answers. What it delivered comes again.
const tell = (send: () => void) => {
  try {
    send()
  } catch (cause) {
    if (!(cause instanceof IllegalOperationError)) throw cause
  }
}
