import { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { Array, Effect, Schedule } from "effect"

/** Retries for at most a minute, since engines are unavailable at times. */
export const retryForAMinute = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let latest = "no failure"
    return effect.pipe(
      Effect.tapError((error) => Effect.sync(() => void (latest = String(error)))),
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.timeoutOrElse({
        duration: "1 minute",
        orElse: () => Effect.die(`The effect did not succeed within a minute. The latest failure: ${latest}`)
      })
    )
  })

/** Repeats the condition until it holds, for at most three minutes. */
export const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(retryForAMinute(condition), { until: (holds) => holds, schedule: Schedule.spaced("50 millis") }).pipe(
    Effect.timeoutOrElse({ duration: "3 minutes", orElse: () => Effect.die(`${what}: not in three minutes`) })
  )

/** Publishes each message until it is confirmed. */
export const publishAll = Effect.fnUntraced(function* (messages: ReadonlyArray<OutgoingMessage>) {
  const broker = yield* Broker
  for (const batch of Array.chunksOf(messages, 50)) {
    let left: ReadonlyArray<OutgoingMessage> = batch
    yield* retryForAMinute(
      Effect.gen(function* () {
        const outcomes = yield* broker.publishAll(left)
        left = left.filter((_, index) => outcomes[index] !== "confirmed")
        return left.length === 0 ? undefined : yield* Effect.fail("not confirmed")
      })
    )
  }
})
