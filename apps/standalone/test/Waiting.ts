import { Duration, Effect, Schedule } from "effect"

// A machine busy with other tests is slow; what takes longer than this hangs.
const longestWait = Duration.seconds(60)

/** Waits for it no longer than a minute; `what` says what did not come, and all that may tell why. */
export const within =
  (what: () => string) =>
  <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.timeoutOrElse(wait, {
      duration: longestWait,
      orElse: () => Effect.die(`Not in ${Duration.format(longestWait)}: ${what()}`)
    })

/** Asks until it is so. */
export const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    within(() => what)
  )
