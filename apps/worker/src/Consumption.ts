import { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import { Storage } from "@user-service/database/Storage"
import * as Backoff from "@user-service/domain/Backoff"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Cause, Data, Duration, Effect, Metric, Option, Schedule, Stream } from "effect"
import type * as Stopping from "./Stopping.ts"

/** The messages of a batch were not processed and will be redelivered: the process stops, or an engine is away for too long. */
export class WorkAbandoned extends Data.TaggedError("WorkAbandoned")<{}> {}

/**
 * Retries with backoff and keeps the messages of the batch unacknowledged: each requeue would count towards their delivery
 * limit.
 */
export type RetryUntilStopped = <A, E extends { readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<A, WorkAbandoned, R>

export interface Consumption {
  readonly queue: string
  /** The most messages that are unacknowledged at a time. Those beyond a batch are received while it is processed. */
  readonly prefetch: number
  /** The most messages in a batch. */
  readonly batchLimit: number
  /** Processes a batch durably: when it completes, all its messages are acknowledged together. */
  readonly handle: (
    batch: Array.NonEmptyReadonlyArray<Delivery>,
    retryUntilStopped: RetryUntilStopped
  ) => Effect.Effect<void, WorkAbandoned>
}

const cap = Duration.seconds(3)
const backoff = Backoff.schedule({ initial: "100 millis", cap })

// RabbitMQ closes a channel with a message that is not acknowledged in half an hour. Messages that are requeued are received
// again once the database answers, so an outage of any length costs one delivery.
const patience = Duration.minutes(20)

/**
 * Consumes the queue in its order until it is asked to stop. The batch in progress is then finished and acknowledged, and the
 * other messages go back to the queue. Nothing else ends it.
 */
export const make = Effect.fnUntraced(function* ({ batchLimit, handle, prefetch, queue }: Consumption) {
  const broker = yield* Broker
  const storage = yield* Storage
  const batchSize = Metric.withAttributes(batchSizes, { queue })
  const isPaused = Metric.withAttributes(pausedConsumers, { queue })
  const withQueue = Effect.annotateLogs({ queue })

  const pause = Effect.fnUntraced(function* ({ message: reason }: { readonly message: string }) {
    const { attempt } = yield* Schedule.CurrentMetadata
    if (attempt === 0) yield* withQueue(Effect.annotateLogs(Effect.logWarning("A consumer is paused"), { reason }))
    yield* Metric.update(isPaused, 1)
  })
  const resume = Effect.flatMap(Schedule.CurrentMetadata, ({ attempt }) =>
    attempt > 0 ? withQueue(Effect.logInfo("A consumer is resumed")) : Effect.void
  )
  const retryUntil = ({ untilStop }: Stopping.StopSignal): RetryUntilStopped => {
    const schedule = Schedule.upTo(untilStop(backoff), { duration: patience })
    return (effect) =>
      effect.pipe(
        Effect.tap(resume),
        Effect.tapError(pause),
        Effect.retry(schedule),
        Effect.mapError(() => new WorkAbandoned()),
        Effect.ensuring(Metric.update(isPaused, 0))
      )
  }

  const receive = Effect.fnUntraced(function* (signal: Stopping.StopSignal) {
    const retryUntilStopped = retryUntil(signal)
    const pull = yield* Stream.toPull(broker.consume(queue, { prefetch }))
    for (;;) {
      const received = yield* signal.orStop(Effect.orDie(pull))
      if (Option.isNone(received)) return
      for (const batch of Array.chunksOf(received.value, batchLimit)) {
        if (signal.isStopping()) return
        yield* Metric.update(batchSize, batch.length)
        yield* handle(batch, retryUntilStopped)
        yield* Array.lastNonEmpty(batch).ackThrough
      }
    }
  }, Effect.scoped)

  return Effect.fnUntraced(function* (signal: Stopping.StopSignal) {
    while (!signal.isStopping()) {
      yield* receive(signal).pipe(
        Effect.catch(() => Effect.void),
        Effect.catchCauseIf(
          (cause) => !Cause.hasInterrupts(cause),
          (cause) =>
            Effect.andThen(
              withQueue(Effect.logError("Unexpected error in a consumer, which restarts", cause)),
              signal.orStop(Effect.sleep(cap))
            )
        )
      )
      yield* signal.orStop(awaitDatabase(storage.ping))
    }
  })
})

const awaitDatabase = (ping: Effect.Effect<unknown, ServiceUnavailable>) =>
  Effect.ignore(Effect.retry(ping, Schedule.jittered(Schedule.spaced(cap))))

const batchSizes = Metric.histogram("worker_consumer_batch_size", {
  description: "Messages in a batch, by queue",
  boundaries: [1, 10, 50, 100, 200, 500, 1000]
})
const pausedConsumers = Metric.gauge("worker_consumer_paused", {
  description: "1 while received messages wait for an engine, else 0"
})
