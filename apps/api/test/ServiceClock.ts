import { Clock, Duration, Effect } from "effect"

/** The clock a service under test lives by: real, but for being moved on. */
export interface ServiceClock {
  readonly clock: Clock.Clock
  /** Lets time pass at once; whoever sleeps no longer than that wakes. */
  readonly pass: (duration: Duration.Input) => Effect.Effect<void>
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

// The longest a timer of Node's waits.
const longestTimer = 2 ** 31 - 1

export const make: Effect.Effect<ServiceClock> = Effect.map(Clock.Clock, (real) => {
  let ahead = 0
  const sleepers = new Set<Sleeper>()
  const millis = () => real.currentTimeMillisUnsafe() + ahead
  const nanos = () => real.currentTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n
  const monotonic = () => real.monotonicTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n

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
        ahead += Duration.toMillis(duration)
        for (const sleeper of sleepers) if (sleeper.until <= millis()) sleeper.wake()
      })
  }
})
