import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer, Option } from "effect"
import { freshKey, type TestTime } from "./Fresh.ts"
import { Lock } from "../Lock.ts"

const minute = Duration.minutes(1)

/** The contract of a `Lock`. */
export const suite = <E>(name: string, layer: Layer.Layer<Lock, E>, time: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: time.live })((it) => {
      it.effect("one of many callers acquires the lock", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          const key = freshKey()
          const taken = yield* Effect.all(
            Array.from({ length: 50 }, () => lock.tryAcquire(key, minute)),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(taken.filter(Option.isSome).length, 1)
        })
      )

      it.effect("a released lock can be acquired again", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          const key = freshKey()
          yield* Option.getOrThrow(yield* lock.tryAcquire(key, minute))
          assert.isTrue(Option.isSome(yield* lock.tryAcquire(key, minute)))
        })
      )

      it.effect("the lock expires, and its old holder cannot release it for the new one", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          const key = freshKey()
          const late = Option.getOrThrow(yield* lock.tryAcquire(key, Duration.millis(60)))
          assert.isTrue(Option.isNone(yield* lock.tryAcquire(key, minute)))
          yield* time.until(Duration.millis(60), Effect.map(lock.tryAcquire(key, minute), Option.isSome))
          yield* late
          assert.isTrue(Option.isNone(yield* lock.tryAcquire(key, minute)))
        })
      )

      it.effect("two keys are two locks", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          assert.isTrue(Option.isSome(yield* lock.tryAcquire(freshKey(), minute)))
          assert.isTrue(Option.isSome(yield* lock.tryAcquire(freshKey(), minute)))
        })
      )
    })
  })
