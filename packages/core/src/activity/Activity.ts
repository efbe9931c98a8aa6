// The plots of the console (decision 0046).
import * as Storage from "@user-service/database/Storage"
import { type ActivityMeasure, type ActivityRange, CountedMeasure, SampledMeasure } from "@user-service/domain/Activity"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { ActivityRepo, type Intervals } from "./ActivityRepo.ts"
import { writeInterval } from "./ActivityCounts.ts"

/** The values of a measure in intervals that follow one another. Null where nothing is known. */
export type ActivitySeries = ReadonlyArray<number | null>

/** The activity in complete intervals of `step`, the first of which begins at `from`. */
export interface ActivityPlots {
  readonly from: DateTime.Utc
  readonly step: Duration.Duration
  /** The sums of counts, and the highest samples. */
  readonly series: Readonly<Record<ActivityMeasure, ActivitySeries>>
}

const resolutions: Record<ActivityRange, { readonly step: Duration.Duration; readonly length: number }> = {
  hour: { step: Duration.minutes(1), length: 60 },
  day: { step: Duration.minutes(15), length: 96 },
  week: { step: Duration.hours(1), length: 168 }
}

// Every process has written its counts of an interval this long after its end, unless the database was away.
const writeDelay = Duration.sum(writeInterval, Duration.seconds(10))

/** The activity of the service over time, for staff. */
export class Activity extends Context.Service<
  Activity,
  {
    /**
     * The plots of the latest complete intervals. Counts are unknown before the first stored minute and 0 in minutes without a row,
     * since a process stores only what it counted; samples are unknown in an interval without one.
     */
    readonly find: (range: ActivityRange) => Effect.Effect<ActivityPlots, ServiceUnavailable>
  }
>()("@user-service/core/activity/Activity") {
  static readonly layerNoDeps = Layer.effect(
    Activity,
    Effect.gen(function* () {
      const repo = yield* ActivityRepo
      const storage = yield* Storage.Storage

      const find = Effect.fn("Activity.find")(function* (range: ActivityRange) {
        const { length, step } = resolutions[range]
        const intervals = intervalsBefore(DateTime.subtractDuration(yield* DateTime.now, writeDelay), step, length)
        // On a connection of its own: a week takes long enough that no other request should wait behind it.
        const [first, found] = yield* storage.transaction(Effect.all([repo.firstMinute, repo.intervals(intervals)]))
        const values = Map.groupBy(found, ({ measure }) => measure)
        // The number of the first interval of which something is known.
        const known = Option.match(first, { onNone: () => length, onSome: (minute) => indexOf(minute, intervals) })
        const counted = (measure: CountedMeasure): ActivitySeries => {
          const series = Array.from({ length }, (_, index): number | null => (index < known ? null : 0))
          for (const { startsAt, total } of values.get(measure) ?? []) series[indexOf(startsAt, intervals)] = total
          return series
        }
        const sampled = (measure: SampledMeasure): ActivitySeries => {
          const series = Array.from({ length }, (): number | null => null)
          for (const { highest, startsAt } of values.get(measure) ?? []) series[indexOf(startsAt, intervals)] = highest
          return series
        }
        const series = { ...seriesOf(CountedMeasure.literals, counted), ...seriesOf(SampledMeasure.literals, sampled) }
        return { from: intervals.from, step, series }
      })

      return { find }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(ActivityRepo.layer))
}

// The last intervals that are complete at this time. Their bounds are multiples of the step since 1970.
const intervalsBefore = (time: DateTime.Utc, step: Duration.Duration, length: number): Intervals => {
  const stepMillis = Duration.toMillis(step)
  const until = time.epochMilliseconds - (time.epochMilliseconds % stepMillis)
  return { from: DateTime.makeUnsafe(until - length * stepMillis), until: DateTime.makeUnsafe(until), step }
}

const indexOf = (time: DateTime.Utc, { from, step }: Intervals): number =>
  Math.floor((time.epochMilliseconds - from.epochMilliseconds) / Duration.toMillis(step))

const seriesOf = <Measure extends ActivityMeasure>(
  measures: ReadonlyArray<Measure>,
  make: (measure: Measure) => ActivitySeries
) => Object.fromEntries(measures.map((measure) => [measure, make(measure)])) as Record<Measure, ActivitySeries>
