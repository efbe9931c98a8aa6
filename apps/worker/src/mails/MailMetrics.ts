import { MailOutbox } from "@user-service/core/mails/MailOutbox"
import { Effect, Layer, Metric } from "effect"
import { runPeriodically } from "../PeriodicTask.ts"

const task = { name: "metrics of mails", interval: "5 seconds" } as const

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("mails_waiting", "Mails that wait to be published, counted up to a million")
const oldestSeconds = gauge("mails_oldest_seconds", "Age of the oldest mail that waits")

/**
 * Metrics of the outbox of mails of all processes, updated every five seconds. They keep their last values while the
 * database is unavailable.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* MailOutbox
    yield* runPeriodically(
      task,
      outbox.lag.pipe(
        Effect.flatMap((lag) =>
          Effect.all([Metric.update(waiting, lag.waiting), Metric.update(oldestSeconds, lag.seconds)])
        )
      )
    )
  })
).pipe(Layer.provide(MailOutbox.layer))
