import { PasswordResetMails } from "@user-service/core/recovery/PasswordResetMails"
import { Effect, Layer, Metric } from "effect"
import { updateEvery } from "../GaugeUpdates.ts"

const interval = "5 seconds"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("password_resets_waiting", "Requests for password resets that wait, counted up to a million")
const oldestSeconds = gauge("password_resets_oldest_seconds", "Age of the oldest request that waits")

/** Metrics of the requests for password resets that wait, updated every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const resetMails = yield* PasswordResetMails
    yield* updateEvery(
      interval,
      resetMails.backlog.pipe(
        Effect.flatMap((backlog) =>
          Effect.all([Metric.update(waiting, backlog.waiting), Metric.update(oldestSeconds, backlog.seconds)])
        )
      )
    )
  })
).pipe(Layer.provide(PasswordResetMails.layer))
