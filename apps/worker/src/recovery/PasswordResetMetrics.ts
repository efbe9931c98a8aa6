import { PasswordResetMails } from "@user-service/core/recovery/PasswordResetMails"
import { Effect, Layer, Metric } from "effect"
import { runPeriodically } from "../PeriodicTask.ts"

const task = { name: "metrics of password resets", interval: "5 seconds" } as const

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("password_resets_waiting", "Requests for password resets that wait, counted up to a million")
const oldestSeconds = gauge("password_resets_oldest_seconds", "Age of the oldest request that waits")

/**
 * Metrics of the requests for password resets that wait, updated every five seconds. They keep their last values while the
 * database is unavailable.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const resetMails = yield* PasswordResetMails
    yield* runPeriodically(
      task,
      resetMails.backlog.pipe(
        Effect.flatMap((backlog) =>
          Effect.all([Metric.update(waiting, backlog.waiting), Metric.update(oldestSeconds, backlog.seconds)])
        )
      )
    )
  })
).pipe(Layer.provide(PasswordResetMails.layer))
