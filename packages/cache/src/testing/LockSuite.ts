import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer, Option } from "effect"
import { freshKey, type TestTime } from "./Fresh.ts"
import { Lock } from "../Lock.ts"

const minute = Duration.minutes(1)

/** What every `Lock` promises. `pass` lets time go by, on whichever clock the layer lives by. */
export const suite = <E>(name: string, layer: Layer.Layer<Lock, E>, pass: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: pass.live })((it) => {
      it.effect("one of many takes the lock", () =>
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

      it.effect("given back, it can be taken again", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          const key = freshKey()
          yield* Option.getOrThrow(yield* lock.tryAcquire(key, minute))
          assert.isTrue(Option.isSome(yield* lock.tryAcquire(key, minute)))
        })
      )

      it.effect("it ends by itself, and a holder from before cannot give back what another took since", () =>
        Effect.gen(function* () {
          const lock = yield* Lock
          const key = freshKey()
          const late = Option.getOrThrow(yield* lock.tryAcquire(key, Duration.millis(60)))
          assert.isTrue(Option.isNone(yield* lock.tryAcquire(key, minute)))
          yield* pass.until(Duration.millis(60), Effect.map(lock.tryAcquire(key, minute), Option.isSome))
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
