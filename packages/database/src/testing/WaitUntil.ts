import { Effect, Schedule } from "effect"

/** Asks until it is so, for five seconds at most. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () => Effect.die("It did not come to be in five seconds")
    })
  )
