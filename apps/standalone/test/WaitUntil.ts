import { Duration, Effect, Schedule } from "effect"

// Long, since the machine may be busy with other tests.
const longestWait = Duration.seconds(60)

/** Waits for at most a minute. `what` describes the missing result, with details for the message. */
export const withTimeout =
  (what: () => string) =>
  <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.timeoutOrElse(wait, {
      duration: longestWait,
      orElse: () => Effect.die(`Not in ${Duration.format(longestWait)}: ${what()}`)
    })

/** Repeats the condition until it holds. */
export const waitUntil = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    withTimeout(() => what)
  )
