import { Outbox } from "@user-service/core/outbox/Outbox"
import { Effect, Layer, Metric } from "effect"
import { updateEvery } from "../GaugeUpdates.ts"

const interval = "5 seconds"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("outbox_waiting_events", "Events that wait to be published, counted up to a million")
const lagSeconds = gauge("outbox_lag_seconds", "Age of the oldest event that waits")
const setAside = gauge("outbox_set_aside_events", "Events that no release could decode so far")

/** Metrics of the outbox of all processes, updated every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* Outbox
    yield* updateEvery(
      interval,
      outbox.lag.pipe(
        Effect.flatMap((lag) =>
          Effect.all([
            Metric.update(waiting, lag.waiting),
            Metric.update(lagSeconds, lag.seconds),
            Metric.update(setAside, lag.setAside)
          ])
        )
      )
    )
  })
).pipe(Layer.provide(Outbox.layer))
