import { assert, describe, it } from "@effect/vitest"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { runPeriodically } from "@user-service/worker/PeriodicTask"
import { Effect, Logger, Ref } from "effect"
import { TestClock } from "effect/testing"

/** Runs the outcomes one after the other, each a second after the one before. Returns the number of runs and the levels of the logs. */
const outcomesOf = Effect.fnUntraced(function* (outcomes: ReadonlyArray<Effect.Effect<void, ServiceUnavailable>>) {
  const runs = yield* Ref.make(0)
  const levels: Array<string> = []
  const logger = Logger.make(({ logLevel }) => {
    levels.push(logLevel)
  })
  const task = Effect.flatMap(
    Ref.getAndUpdate(runs, (count) => count + 1),
    (run) => outcomes[run] ?? Effect.void
  )
  yield* runPeriodically({ name: "test", interval: "1 second" }, task).pipe(Effect.provide(Logger.layer([logger])))
  yield* TestClock.adjust("0 seconds")
  for (const _ of outcomes) yield* TestClock.adjust("1 second")
  return { runs: yield* Ref.get(runs), levels }
})

const unavailable = Effect.fail(new ServiceUnavailable({ what: "The database", retryAfterSeconds: 1 }))

describe("a periodic task", () => {
  it.effect("goes on after defects, and logs each", () =>
    Effect.gen(function* () {
      const { levels, runs } = yield* outcomesOf([Effect.die("one"), Effect.die("two"), Effect.void])
      assert.deepStrictEqual({ levels, runs }, { levels: ["Error", "Error"], runs: 4 })
    })
  )

  it.effect("goes on after failures, and logs the first of an outage", () =>
    Effect.gen(function* () {
      const { levels, runs } = yield* outcomesOf([unavailable, unavailable, Effect.void, unavailable])
      assert.deepStrictEqual({ levels, runs }, { levels: ["Warn", "Warn"], runs: 5 })
    })
  )
})
