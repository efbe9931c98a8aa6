import { Outbox } from "@user-service/core/outbox/Outbox"
import { Effect, Layer, Metric } from "effect"

const interval = "5 seconds"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("outbox_waiting_events", "Events that wait to be published, counted up to a million")
const lagSeconds = gauge("outbox_lag_seconds", "Age of the oldest event that waits")
const setAside = gauge("outbox_set_aside_events", "Events that no release could decode so far")

/** Metrics of the outbox of all processes, updated every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* Outbox
    yield* outbox.lag.pipe(
      Effect.flatMap((lag) =>
        Effect.all([
          Metric.update(waiting, lag.waiting),
          Metric.update(lagSeconds, lag.seconds),
          Metric.update(setAside, lag.setAside)
        ])
      ),
      // The metrics keep their last values while the database is unavailable.
      Effect.ignore,
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
).pipe(Layer.provide(Outbox.layer))
