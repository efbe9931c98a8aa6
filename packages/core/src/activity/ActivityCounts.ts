// The counts of the plots (decision 0046).
import * as Storage from "@user-service/database/Storage"
import type { CountedMeasure } from "@user-service/domain/Activity"
import { Cause, Clock, Context, Duration, Effect, Exit, Layer } from "effect"
import { ActivityRepo } from "./ActivityRepo.ts"

/** The time between two writes. */
export const writeInterval = Duration.seconds(10)

const minuteMillis = 60_000

// Counts that the database did not take for this long are dropped. Nearly nothing is counted while it is away.
const keptMillis = Duration.toMillis(Duration.hours(1))

/**
 * Counts in memory what happens in this process, by the minute, and writes the counts every ten seconds and at the end. So counting
 * costs a request nothing. A killed process loses the counts since its last write, and a write whose outcome is unknown is
 * repeated: the plots need no more.
 */
export class ActivityCounts extends Context.Service<
  ActivityCounts,
  { readonly add: (measure: CountedMeasure, count: number) => Effect.Effect<void> }
>()("@user-service/core/activity/ActivityCounts") {
  static readonly layerNoDeps = Layer.effect(
    ActivityCounts,
    Effect.gen(function* () {
      const repo = yield* ActivityRepo
      const storage = yield* Storage.Storage
      const minutes = new Map<number, Map<CountedMeasure, number>>()

      const addTo = (minute: number, measure: CountedMeasure, count: number) => {
        const counts = minutes.get(minute) ?? new Map<CountedMeasure, number>()
        minutes.set(minute, counts.set(measure, (counts.get(measure) ?? 0) + count))
      }

      const add = (measure: CountedMeasure, count: number) =>
        count === 0
          ? Effect.void
          : Effect.map(Clock.currentTimeMillis, (now) => addTo(now - (now % minuteMillis), measure, count))

      const putBack = (batch: ReadonlyArray<readonly [minute: number, counts: ReadonlyMap<CountedMeasure, number>]>) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const [minute, counts] of batch) {
            if (minute <= now - keptMillis) continue
            for (const [measure, count] of counts) addTo(minute, measure, count)
          }
        })

      // Uninterruptible, since an interrupted write may have been executed.
      const write = Effect.gen(function* () {
        if (minutes.size === 0) return
        const batch = [...minutes]
        minutes.clear()
        const written = yield* Effect.exit(
          storage.write(
            repo.add(
              batch.flatMap(([minute, counts]) => [...counts].map(([measure, value]) => ({ minute, measure, value })))
            )
          )
        )
        if (Exit.isSuccess(written)) return
        yield* putBack(batch)
        if (Cause.hasDies(written.cause))
          yield* Effect.logError("Counts of the activity were not written", written.cause)
      }).pipe(Effect.uninterruptible)

      // Before the loop, so that it runs after the loop has ended.
      yield* Effect.addFinalizer(() => write)
      yield* Effect.sleep(writeInterval).pipe(Effect.andThen(write), Effect.forever, Effect.forkScoped)

      return { add }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(ActivityRepo.layer))
}
