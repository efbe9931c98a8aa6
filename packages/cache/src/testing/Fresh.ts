import { type Duration, Effect, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"

/** A key no test used before, in the form the service's keys have. */
export const freshKey = (): string => `test:{${randomUUID()}}`

/** How time goes by in a suite: over memory by the test's clock, over Redis on its own. */
export interface TestTime {
  readonly live: boolean
  /** Lets a time pass after which the condition holds; fails when it does not. */
  readonly until: <E, R>(time: Duration.Duration, condition: Effect.Effect<boolean, E, R>) => Effect.Effect<void, E, R>
}

/** Asks until it is so, for five seconds at most. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () => Effect.die("It did not come to be in five seconds")
    })
  )

export const onTestClock: TestTime = {
  live: false,
  until: (time, condition) =>
    TestClock.adjust(time).pipe(
      Effect.andThen(condition),
      Effect.flatMap((so) => (so ? Effect.void : Effect.die("It does not hold after the time")))
    )
}

export const onLiveClock: TestTime = { live: true, until: (_time, condition) => waitUntil(condition) }
