import { Clock, Duration, Effect } from "effect"

/** The clock of a service under test: the real clock plus an offset. */
export interface ServiceClock {
  readonly clock: Clock.Clock
  /** Advances the clock, and wakes the fibers whose sleep has ended by then. */
  readonly pass: (duration: Duration.Input) => Effect.Effect<void>
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

// The maximum delay of a Node timer, in milliseconds.
const longestTimer = 2 ** 31 - 1

export const make: Effect.Effect<ServiceClock> = Effect.map(Clock.Clock, (real) => {
  let offsetMillis = 0
  const sleepers = new Set<Sleeper>()
  const millis = () => real.currentTimeMillisUnsafe() + offsetMillis
  const nanos = () => real.currentTimeNanosUnsafe() + BigInt(offsetMillis) * 1_000_000n
  const monotonic = () => real.monotonicTimeNanosUnsafe() + BigInt(offsetMillis) * 1_000_000n

  const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const length = Duration.toMillis(duration)
      const wake = () => {
        clearTimeout(timer)
        sleepers.delete(sleeper)
        resume(Effect.void)
      }
      const sleeper = { until: millis() + length, wake }
      const timer = setTimeout(wake, Math.min(length, longestTimer))
      sleepers.add(sleeper)
      return Effect.sync(() => {
        clearTimeout(timer)
        sleepers.delete(sleeper)
      })
    })

  return {
    clock: {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic),
      sleep
    },
    pass: (duration) =>
      Effect.sync(() => {
        offsetMillis += Duration.toMillis(duration)
        for (const sleeper of sleepers) if (sleeper.until <= millis()) sleeper.wake()
      })
  }
})
