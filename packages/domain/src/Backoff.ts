import { Duration, Effect, Random, Schedule } from "effect"

export interface BackoffOptions {
  /** The longest delay after the first failure. */
  readonly initial: Duration.Input
  /** The longest delay after any failure. */
  readonly cap: Duration.Input
  /** A failure this long after the last delay counts as the first again. When absent, no failure does. */
  readonly resetAfter?: Duration.Input
}

/**
 * Delays a retry for twice as long after each failure, up to `cap`. Each delay is shortened by a random part, half of it at
 * most, so that processes whose operations failed together do not retry together. The schedule never ends.
 */
export const schedule = ({ cap, initial, resetAfter }: BackoffOptions): Schedule.Schedule<Duration.Duration> => {
  const jittered = Schedule.min([Schedule.exponential(initial), Schedule.spaced(cap)]).pipe(
    Schedule.modifyDelay(({ duration }) => jitter(duration))
  )
  return resetAfter === undefined ? jittered : withReset(jittered, Duration.toMillis(resetAfter))
}

/**
 * The delay after `failures` failures in a row, at least one, as {@link schedule} has it without `resetAfter`. For retries whose
 * count is stored.
 */
export const delayAfter = ({ cap, initial }: BackoffOptions, failures: number): Effect.Effect<Duration.Duration> =>
  jitter(Duration.millis(Math.min(Duration.toMillis(initial) * 2 ** (failures - 1), Duration.toMillis(cap))))

// Whole milliseconds, as fractions add up to times that differ from the clock's in their last digit.
const jitter = (duration: Duration.Duration): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.nextBetween(0.5, 1), (part) => Duration.millis(Math.ceil(Duration.toMillis(duration) * part)))

const withReset = <A>(self: Schedule.Schedule<A>, afterMillis: number): Schedule.Schedule<A> =>
  Schedule.fromStep(
    Effect.map(Schedule.toStep(self), (first) => {
      let step = first
      let delayEnd = Infinity
      return Effect.fnUntraced(function* (now: number, input: unknown) {
        if (now - delayEnd >= afterMillis) step = yield* Schedule.toStep(self)
        const next = yield* step(now, input)
        delayEnd = now + Duration.toMillis(next[1])
        return next
      })
    })
  )
