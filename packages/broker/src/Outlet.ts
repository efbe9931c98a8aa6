import { type ConfirmChannel, IllegalOperationError, type Message as AmqpMessage } from "amqplib"
import { type Duration, Effect, Latch } from "effect"
import type { Link, OpenChannel } from "./Link.ts"
import type { Outcome, Outgoing } from "./Message.ts"
import { problemOf } from "./RabbitMqProblem.ts"
import * as Wire from "./Wire.ts"

/** A channel that messages go out by. */
export interface Outlet {
  /** It takes more: the broker reads, and what was written before is on its way. */
  readonly isReady: () => boolean
  /** Waits until it is ready, or gone. */
  readonly settled: Effect.Effect<void>
  /** What is not confirmed when the time is over, or when the channel is lost, is unconfirmed, sent or not. */
  readonly publishAll: (
    messages: ReadonlyArray<Outgoing>,
    confirmTimeout: Duration.Duration
  ) => Effect.Effect<ReadonlyArray<Outcome>>
}

export const make = ({ unblocked }: Link, { channel, isOpen, lost }: OpenChannel<ConfirmChannel>): Outlet => {
  // Shut while amqplib holds more than it could write.
  const drained = Latch.makeUnsafe(true)
  const returns = makeReturns()
  channel.on("drain", () => drained.openUnsafe())
  channel.on("return", returns.note)

  /** Answers with why the message cannot be put on the wire, if so. */
  const write = (message: Outgoing, settle: (outcome: Outcome) => void): string | undefined => {
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
      // The channel is on its way out.
      if (cause instanceof IllegalOperationError) return undefined
      settle("refused")
      return problemOf(cause)
    }
  }

  const publishAll: Outlet["publishAll"] = Effect.fnUntraced(function* (messages, confirmTimeout) {
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
      yield* Effect.annotateLogs(Effect.logError("A message cannot be put on the wire"), { reason: problem })
    }
    // A copy: confirms may still come in.
    return outcomes.slice()
  })

  return {
    isReady: () => unblocked.isOpen() && drained.isOpen(),
    settled: Effect.raceFirst(Effect.andThen(unblocked.await, drained.await), Effect.ignore(lost)),
    publishAll
  }
}

// The broker gives an unroutable message back before it confirms it, and says no more of it than what it is.
const makeReturns = () => {
  const counts = new Map<string, number>()
  const keyOf = (exchange: string, routingKey: string, messageId: string = "") =>
    [exchange, routingKey, messageId].join("\n")
  return {
    note: ({ fields, properties }: AmqpMessage) => {
      const key = keyOf(fields.exchange, fields.routingKey, properties.messageId)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    take: ({ exchange, messageId, routingKey }: Outgoing): boolean => {
      const key = keyOf(exchange, routingKey, messageId)
      const count = counts.get(key)
      if (count === undefined) return false
      if (count === 1) counts.delete(key)
      else counts.set(key, count - 1)
      return true
    }
  }
}
