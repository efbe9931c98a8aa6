import { MailOutbox } from "@user-service/core/mails/MailOutbox"
import { Effect, Layer, Metric } from "effect"
import { updateEvery } from "../GaugeUpdates.ts"

const interval = "5 seconds"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const waiting = gauge("mails_waiting", "Mails that wait to be published, counted up to a million")
const oldestSeconds = gauge("mails_oldest_seconds", "Age of the oldest mail that waits")

/** Metrics of the outbox of mails of all processes, updated every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const outbox = yield* MailOutbox
    yield* updateEvery(
      interval,
      outbox.lag.pipe(
        Effect.flatMap((lag) =>
          Effect.all([Metric.update(waiting, lag.waiting), Metric.update(oldestSeconds, lag.seconds)])
        )
      )
    )
  })
).pipe(Layer.provide(MailOutbox.layer))
