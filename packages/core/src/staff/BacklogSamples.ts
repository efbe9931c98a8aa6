// The samples of the plots (decision 0046).
import * as Storage from "@user-service/database/Storage"
import { SampledMeasure } from "@user-service/domain/Activity"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { ActivityRepo } from "../activity/ActivityRepo.ts"
import { type AllBacklogs, Backlogs } from "./Backlogs.ts"

// As far as the metrics of the worker count.
const maxCount = 1_000_000

/** Records what waits, for the plots. */
export class BacklogSamples extends Context.Service<
  BacklogSamples,
  {
    /**
     * Stores what waits now, unless a process has stored more in this minute. Any number of processes may call it, at any times: a
     * minute then has the highest of their samples.
     */
    readonly record: Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/core/staff/BacklogSamples") {
  static readonly layerNoDeps = Layer.effect(
    BacklogSamples,
    Effect.gen(function* () {
      const backlogs = yield* Backlogs
      const repo = yield* ActivityRepo
      const storage = yield* Storage.Storage
      const stored = { minute: 0, values: new Map<SampledMeasure, number>() }

      const record = Effect.gen(function* () {
        const found = yield* backlogs.countTo(maxCount)
        const now = yield* DateTime.now
        const { epochMilliseconds: minute } = DateTime.startOf(now, "minute")
        if (minute !== stored.minute) {
          stored.minute = minute
          stored.values.clear()
        }
        const values = valuesOf(found, now)
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

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([ActivityRepo.layer, Backlogs.layer]))
}

const valuesOf = ({ deadLetters, events, mails }: AllBacklogs, now: DateTime.Utc): Record<SampledMeasure, number> => ({
  outbox_lag_seconds: events.oldest === null ? 0 : secondsBetween(events.oldest, now),
  events_waiting: events.waiting,
  mails_waiting: mails.waiting,
  dead_letters_waiting: deadLetters.waiting
})

// The clocks of two processes may differ.
const secondsBetween = (from: DateTime.Utc, to: DateTime.Utc): number =>
  Math.max(0, Math.floor((to.epochMilliseconds - from.epochMilliseconds) / 1000))
