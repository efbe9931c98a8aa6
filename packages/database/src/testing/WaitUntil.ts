import { Effect, Schedule } from "effect"

/** Polls until the condition holds, for at most five seconds. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () => Effect.die("The condition did not hold within five seconds")
    })
  )
