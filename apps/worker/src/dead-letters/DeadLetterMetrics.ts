import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Effect, Layer, Metric } from "effect"

const interval = "15 seconds"

const waiting = Metric.gauge("dead_letters_waiting", {
  description: "Dead letters that wait for an operator, counted up to a million"
})
const oldestSeconds = Metric.gauge("dead_letters_oldest_seconds", {
  description: "Age of the oldest dead letter that waits"
})

/** Metrics of the dead letters that wait for an operator, updated every fifteen seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters
    yield* deadLetters.waiting.pipe(
      Effect.flatMap(({ count, seconds }) =>
        Effect.all([Metric.update(waiting, count), Metric.update(oldestSeconds, seconds)])
      ),
      // The metrics keep their last values while the database is unavailable.
      Effect.ignore,
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
).pipe(Layer.provide(DeadLetters.layer))
