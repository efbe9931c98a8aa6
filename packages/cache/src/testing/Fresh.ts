import { type Duration, Effect, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"

/** A key that no other test uses, in the form of the service's keys. */
export const freshKey = (): string => `test:{${randomUUID()}}`

/** How a suite lets time pass: by `TestClock` over memory, by waiting over Redis. */
export interface TestTime {
  readonly live: boolean
  /** Lets the time pass. Fails if the condition does not hold afterwards. */
  readonly until: <E, R>(time: Duration.Duration, condition: Effect.Effect<boolean, E, R>) => Effect.Effect<void, E, R>
}

/** Polls until the condition holds, for at most five seconds. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () => Effect.die("The condition did not hold within five seconds")
    })
  )

export const onTestClock: TestTime = {
  live: false,
  until: (time, condition) =>
    TestClock.adjust(time).pipe(
      Effect.andThen(condition),
      Effect.flatMap((holds) => (holds ? Effect.void : Effect.die("The condition does not hold after the time")))
    )
}

export const onLiveClock: TestTime = { live: true, until: (_time, condition) => waitUntil(condition) }
