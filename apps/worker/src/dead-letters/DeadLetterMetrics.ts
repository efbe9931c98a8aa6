import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Effect, Layer, Metric } from "effect"
import { runPeriodically } from "../PeriodicTask.ts"

const task = { name: "metrics of dead letters", interval: "15 seconds" } as const

const waiting = Metric.gauge("dead_letters_waiting", {
  description: "Dead letters that wait for an operator, counted up to a million"
})
const oldestSeconds = Metric.gauge("dead_letters_oldest_seconds", {
  description: "Age of the oldest dead letter that waits"
})
const oldestReplaySeconds = Metric.gauge("dead_letter_replays_oldest_seconds", {
  description: "Age of the oldest request of staff to replay a dead letter that no worker has replayed"
})

/**
 * Metrics of the dead letters that wait for an operator, updated every fifteen seconds. They keep their last values while the
 * database is unavailable.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters
    yield* runPeriodically(
      task,
      deadLetters.waiting.pipe(
        Effect.flatMap(({ count, replaySeconds, seconds }) =>
          Effect.all([
            Metric.update(waiting, count),
            Metric.update(oldestSeconds, seconds),
            Metric.update(oldestReplaySeconds, replaySeconds)
          ])
        )
      )
    )
  })
).pipe(Layer.provide(DeadLetters.layer))
