import { assert, describe, it } from "@effect/vitest"
import * as Restart from "@user-service/broker/Restart"
import { Clock, Effect, Random } from "effect"
import { TestClock } from "effect/testing"

/** When it was run, in the milliseconds since the last time, held for so long before it failed. */
const waits = Effect.fnUntraced(function* (held: ReadonlyArray<number>) {
  const starts: Array<number> = []
  const told: Array<string> = []
  let last = 0
  const run = Effect.gen(function* () {
    starts.push((yield* Clock.currentTimeMillis) - last)
    const hold = held[starts.length - 1]
    if (hold === undefined) return yield* Effect.never
    yield* Effect.sleep(hold)
    last = yield* Clock.currentTimeMillis
    return yield* Effect.fail(`after ${hold}`)
  })
  yield* Effect.forkChild(Restart.restartOnFailure(run, (error) => Effect.sync(() => void told.push(error))))
  yield* TestClock.adjust("10 minutes")
  return { waits: starts.slice(1), told }
})

describe("Restart", () => {
  it.effect("waits longer after each failure, up to three seconds", () =>
    Effect.gen(function* () {
      const { told, waits: found } = yield* waits([0, 0, 0, 0, 0, 0, 0, 0, 0])
      const most = [50, 100, 200, 400, 800, 1600, 3000, 3000, 3000]
      for (const [index, wait] of found.entries()) {
        assert.isAtMost(wait, most[index] ?? 0)
        assert.isAtLeast(wait, (most[index] ?? 0) / 2)
      }
      assert.deepStrictEqual([found.length, told.length], [9, 9])
    }).pipe(Random.withSeed("a"))
  )

  it.effect("waits differently in each process", () =>
    Effect.gen(function* () {
      const of = (seed: string) => Random.withSeed(waits([0, 0, 0]), seed)
      assert.notDeepEqual(yield* of("a"), yield* of("b"))
    })
  )

  it.effect("starts over with the shortest wait after a run of ten seconds", () =>
    Effect.gen(function* () {
      const { told, waits: found } = yield* waits([0, 0, 0, 0, 9000, 10_000, 0])
      assert.isAbove(found[4] ?? 0, 300)
      assert.isAtMost(found[5] ?? 100, 50)
      assert.isAtMost(found[6] ?? 200, 100)
      assert.strictEqual(told[5], "after 10000")
    })
  )
})
