import { Outbox } from "@user-service/core/outbox/Outbox"
import { Effect, Layer, Metric } from "effect"

const interval = "5 seconds"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("outbox_waiting_events", "Events that wait to be published, counted to a million")
const seconds = gauge("outbox_lag_seconds", "How long the oldest of them has been waiting")
const setAside = gauge("outbox_set_aside_events", "Events that no release so far could read")

/** How far behind the relays are, all of them together, as metrics, asked every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* Outbox
    yield* outbox.lag.pipe(
      Effect.flatMap((lag) =>
        Effect.all([
          Metric.update(waiting, lag.waiting),
          Metric.update(seconds, lag.seconds),
          Metric.update(setAside, lag.setAside)
        ])
      ),
      // As of the last answer, while the database is away.
      Effect.ignore,
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
).pipe(Layer.provide(Outbox.layer))
