// The samples of the plots (decision 0046).
import * as Storage from "@user-service/database/Storage"
import { SampledMeasure } from "@user-service/domain/Activity"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { secondsSince } from "../Age.ts"
import { DeadLettersRepo } from "../dead-letters/DeadLettersRepo.ts"
import { MailOutboxRepo } from "../mails/MailOutboxRepo.ts"
import { OutboxRepo } from "../outbox/OutboxRepo.ts"
import { ActivityRepo } from "./ActivityRepo.ts"

// As far as the metrics of the worker count.
const maxCount = 1_000_000

/** Records the backlogs, for the plots. */
export class BacklogSamples extends Context.Service<
  BacklogSamples,
  {
    /**
     * Stores the present backlogs, unless a process has stored more in this minute. Any number of processes may call it, at any times: a
     * minute then has the highest of their samples.
     */
    readonly record: Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/core/activity/BacklogSamples") {
  static readonly layerNoDeps = Layer.effect(
    BacklogSamples,
    Effect.gen(function* () {
      const deadLetters = yield* DeadLettersRepo
      const mails = yield* MailOutboxRepo
      const outbox = yield* OutboxRepo
      const repo = yield* ActivityRepo
      const storage = yield* Storage.Storage
      const stored = { minute: 0, values: new Map<SampledMeasure, number>() }

      const read = storage.read(
        Effect.all([outbox.lag(maxCount), mails.lag(maxCount), deadLetters.waiting(maxCount)], {
          concurrency: "unbounded"
        })
      )

      const record = Effect.gen(function* () {
        const [waitingEvents, waitingMails, waitingLetters] = yield* read
        const now = yield* DateTime.now
        const { epochMilliseconds: minute } = DateTime.startOf(now, "minute")
        if (minute !== stored.minute) {
          stored.minute = minute
          stored.values.clear()
        }
        const values: Record<SampledMeasure, number> = {
          outbox_lag_seconds: Math.floor(secondsSince(waitingEvents.oldest, now)),
          events_waiting: waitingEvents.waiting,
          mails_waiting: waitingMails.waiting,
          dead_letters_waiting: waitingLetters.waiting
        }
        const higher = SampledMeasure.literals.flatMap((measure) => {
          const value = values[measure]
          return value > (stored.values.get(measure) ?? -1) ? [{ minute, measure, value }] : []
        })
        // Mostly nothing has risen since the last sample of the minute.
        if (higher.length === 0) return
        yield* storage.write(repo.raise(higher))
        for (const { measure, value } of higher) stored.values.set(measure, value)
      }).pipe(Effect.withSpan("BacklogSamples.record"))

      return { record }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ActivityRepo.layer, DeadLettersRepo.layer, MailOutboxRepo.layer, OutboxRepo.layer])
  )
}
