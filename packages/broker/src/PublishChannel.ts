import { type ConfirmChannel, IllegalOperationError, type Message as AmqpMessage } from "amqplib"
import { type Duration, Effect, Latch } from "effect"
import type { Link, OpenChannel } from "./Link.ts"
import type { Outcome, OutgoingMessage } from "./Message.ts"
import { problemOf } from "./RabbitMqProblem.ts"
import * as Wire from "./Wire.ts"

/** An open channel with publisher confirms. */
export interface PublishChannel {
  /** Whether the broker reads and the channel's write buffer has space. */
  readonly isReady: () => boolean
  /** Waits until the channel is ready or lost. */
  readonly readyOrLost: Effect.Effect<void>
  /** Messages without a confirm at the timeout, or at the loss of the channel, are `unconfirmed`, sent or not. */
  readonly publishAll: (
    messages: ReadonlyArray<OutgoingMessage>,
    confirmTimeout: Duration.Duration
  ) => Effect.Effect<ReadonlyArray<Outcome>>
}

export const make = ({ unblocked }: Link, { channel, isOpen, lost }: OpenChannel<ConfirmChannel>): PublishChannel => {
  // Closed while amqplib's write buffer is full.
  const drained = Latch.makeUnsafe(true)
  const returns = makeReturns()
  channel.on("drain", () => drained.openUnsafe())
  channel.on("return", returns.add)

  /** Returns the reason if the message cannot be encoded. */
  const write = (message: OutgoingMessage, settle: (outcome: Outcome) => void): string | undefined => {
    const confirm = (error: unknown) => {
      if (error !== null) settle(isOpen() ? "refused" : "unconfirmed")
      else settle(message.mandatory === true && returns.take(message) ? "unroutable" : "confirmed")
    }
    const { body, exchange, routingKey } = message
    try {
      const more = channel.publish(exchange, routingKey, Wire.bufferOf(body), Wire.propertiesOf(message), confirm)
      if (!more) drained.closeUnsafe()
      return undefined
    } catch (cause) {
      // The channel is closing.
      if (cause instanceof IllegalOperationError) return undefined
      settle("refused")
      return problemOf(cause)
    }
  }

  const publishAll: PublishChannel["publishAll"] = Effect.fnUntraced(function* (messages, confirmTimeout) {
    const outcomes = messages.map((): Outcome => "unconfirmed")
    let problem: string | undefined

    const sent = Effect.callback<void>((resume) => {
      let left = messages.length
      const rest = messages.entries()
      const pump = () => {
        while (isOpen()) {
          if (!drained.isOpen()) return void channel.once("drain", pump)
          const { done, value } = rest.next()
          if (done === true) return
          const [index, message] = value
          problem =
            write(message, (outcome) => {
              outcomes[index] = outcome
              if (--left === 0) resume(Effect.void)
            }) ?? problem
        }
      }
      pump()
      return Effect.sync(() => channel.off("drain", pump))
    })
    yield* Effect.raceFirst(sent, Effect.ignore(lost)).pipe(Effect.timeoutOption(confirmTimeout))
    if (problem !== undefined) {
      yield* Effect.annotateLogs(Effect.logError("A message cannot be encoded"), { reason: problem })
    }
    // A copy, because confirms may still arrive.
    return outcomes.slice()
  })

  return {
    isReady: () => unblocked.isOpen() && drained.isOpen(),
    readyOrLost: Effect.raceFirst(Effect.andThen(unblocked.await, drained.await), Effect.ignore(lost)),
    publishAll
  }
}

// The broker returns an unroutable message before it confirms it. The return has no delivery tag, so it is matched by exchange,
// routing key and message id.
const makeReturns = () => {
  const counts = new Map<string, number>()
  const keyOf = (exchange: string, routingKey: string, messageId: string = "") =>
    [exchange, routingKey, messageId].join("\n")
  return {
    add: ({ fields, properties }: AmqpMessage) => {
      const key = keyOf(fields.exchange, fields.routingKey, properties.messageId)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    take: ({ exchange, messageId, routingKey }: OutgoingMessage): boolean => {
      const key = keyOf(exchange, routingKey, messageId)
      const count = counts.get(key)
      if (count === undefined) return false
      if (count === 1) counts.delete(key)
      else counts.set(key, count - 1)
      return true
    }
  }
}
