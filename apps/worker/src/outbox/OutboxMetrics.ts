import { Outbox } from "@user-service/core/outbox/Outbox"
import { Effect, Layer, Metric } from "effect"
import { runPeriodically } from "../PeriodicTask.ts"

const task = { name: "metrics of the outbox", interval: "5 seconds" } as const

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("outbox_waiting_events", "Events that wait to be published, counted up to a million")
const lagSeconds = gauge("outbox_lag_seconds", "Age of the oldest event that waits")
const setAside = gauge("outbox_set_aside_events", "Events that no release could decode so far")

/**
 * Metrics of the outbox of all processes, updated every five seconds. They keep their last values while the
 * database is unavailable.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* Outbox
    yield* runPeriodically(
      task,
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
