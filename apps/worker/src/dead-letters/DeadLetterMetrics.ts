import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Effect, Layer, Metric } from "effect"

const interval = "15 seconds"

const waiting = Metric.gauge("dead_letters_waiting", {
  description: "Dead letters that wait for an operator, counted to a million"
})
const seconds = Metric.gauge("dead_letters_oldest_seconds", {
  description: "How long the first of them has been waiting"
})

/** How much waits for an operator, as metrics, asked every fifteen seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters
    yield* deadLetters.waiting.pipe(
      Effect.flatMap((now) => Effect.all([Metric.update(waiting, now.count), Metric.update(seconds, now.seconds)])),
      // As of the last answer, while the database is away.
      Effect.ignore,
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
).pipe(Layer.provide(DeadLetters.layer))
