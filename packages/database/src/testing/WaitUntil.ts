import { Effect, Schedule } from "effect"

/** Polls until the condition holds, for at most five seconds, or as many as are given. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>, seconds = 5): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () => Effect.die(`The condition did not hold within ${seconds} seconds`)
    })
  )
