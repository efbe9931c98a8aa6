import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as OnePerTick from "../../src/node/OnePerTick.ts"

/** The turns of the event loop since it was made. */
const countTurns = () => {
  let turns = 0
  const count = () => {
    turns++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  return { turns: () => turns, stop: () => clearImmediate(counting) }
}

describe("OnePerTick", () => {
  it.live("resumes one fiber per turn of the event loop, in order", () =>
    Effect.gen(function* () {
      const onePerTick = yield* OnePerTick.make
      const { stop, turns } = countTurns()
      const passed: Array<{ readonly who: number; readonly turn: number }> = []
      const pass = (who: number) => Effect.map(onePerTick, () => passed.push({ who, turn: turns() }))
      yield* Effect.forEach([0, 1, 2, 3, 4], pass, { concurrency: "unbounded" })
      yield* pass(5)
      stop()
      assert.deepStrictEqual(
        passed.map(({ who }) => who),
        [0, 1, 2, 3, 4, 5]
      )
      assert.strictEqual(new Set(passed.map(({ turn }) => turn)).size, 6)
    })
  )

  it.live("an interrupted fiber delays no other", () =>
    Effect.gen(function* () {
      const onePerTick = yield* OnePerTick.make
      const [first, second] = [yield* Effect.forkChild(onePerTick), yield* Effect.forkChild(onePerTick)]
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      yield* Fiber.interrupt(yield* Effect.forkChild(onePerTick, { startImmediately: true }))
      yield* onePerTick
    })
  )
})
