import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@user-service/domain/Backoff"
import { Clock, Duration, Effect, Random } from "effect"
import { TestClock } from "effect/testing"

/** The delays between the runs of an operation that fails each time, after the given milliseconds. */
const delays = Effect.fnUntraced(function* (options: Backoff.BackoffOptions, durations: ReadonlyArray<number>) {
  const found: Array<number> = []
  let failedAt = 0
  const fail = Effect.gen(function* () {
    found.push((yield* Clock.currentTimeMillis) - failedAt)
    const duration = durations[found.length - 1]
    if (duration === undefined) return yield* Effect.never
    yield* Effect.sleep(duration)
    failedAt = yield* Clock.currentTimeMillis
    return yield* Effect.fail("failure")
  })
  yield* Effect.forkChild(Effect.retry(fail, Backoff.schedule(options)))
  yield* TestClock.adjust("1 hour")
  return found.slice(1)
})

const isWithin = (found: ReadonlyArray<number>, longest: ReadonlyArray<number>) => {
  assert.strictEqual(found.length, longest.length)
  for (const [index, most] of longest.entries()) {
    assert.isAtMost(found[index] ?? Infinity, most)
    assert.isAtLeast(found[index] ?? 0, most / 2 - 1)
  }
}

describe("Backoff", () => {
  it.effect("the delay doubles with each failure up to the cap, reduced at random by at most a half", () =>
    Effect.gen(function* () {
      const found = yield* delays({ initial: "100 millis", cap: "1 second" }, [0, 0, 0, 0, 0, 60_000, 0])
      isWithin(found, [100, 200, 400, 800, 1000, 1000, 1000])
    })
  )

  it.effect("the delay for a number of failures equals the delay after as many failures in a row", () =>
    Effect.gen(function* () {
      const options = { initial: "100 millis", cap: "1 second" } as const
      const found = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 5000], (failures) => Backoff.delayAfter(options, failures))
      isWithin(
        found.map((delay) => Duration.toMillis(delay)),
        [100, 200, 400, 800, 1000, 1000, 1000]
      )
    })
  )

  it.effect("a failure long after the last delay counts as the first one", () =>
    Effect.gen(function* () {
      const options = { initial: "100 millis", cap: "1 second", resetAfter: "10 seconds" } as const
      isWithin(yield* delays(options, [60_000, 0, 9999, 10_000, 0]), [100, 200, 400, 100, 200])
    })
  )

  it.effect("two processes wait for different times", () =>
    Effect.gen(function* () {
      const inProcess = (seed: string) =>
        Random.withSeed(delays({ initial: "1 second", cap: "1 minute" }, [0, 0, 0]), seed)
      assert.notDeepEqual(yield* inProcess("a"), yield* inProcess("b"))
    })
  )
})
