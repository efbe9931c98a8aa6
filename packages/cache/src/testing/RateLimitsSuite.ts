import { assert, describe, it } from "@effect/vitest"
import { type RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { Duration, Effect, Exit, type Layer } from "effect"
import { RateLimits } from "../RateLimits.ts"
import { freshKey, type TestTime } from "./Fresh.ts"

const ten: RateLimit = { name: "ten", limit: 10, window: Duration.minutes(5) }
const brief: RateLimit = { name: "brief", limit: 2, window: Duration.millis(300) }

const passes = (limit: RateLimit, key: string) =>
  Effect.isSuccess(RateLimits.use((limits) => limits.consume(limit, key)))

/** The contract of `RateLimits`. */
export const suite = <E>(name: string, layer: Layer.Layer<RateLimits, E>, time: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: time.live })((it) => {
      it.effect("of 1,000 parallel attempts on a limit of 10, exactly 10 pass", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          const exits = yield* Effect.all(
            Array.from({ length: 1000 }, () => Effect.exit(limits.consume(ten, key))),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(exits.filter(Exit.isSuccess).length, 10)
        })
      )

      it.effect("the remaining attempts count down, and a refusal has all its fields", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          for (const remaining of [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]) {
            const consumed = yield* limits.consume(ten, key)
            assert.deepStrictEqual([consumed.limit, consumed.remaining], [10, remaining])
            assert.isAtMost(consumed.resetAfterSeconds, 300)
            assert.isAtLeast(consumed.resetAfterSeconds, 299)
          }
          const error = yield* Effect.flip(limits.consume(ten, key))
          assert.instanceOf(error, RateLimited)
          assert.deepStrictEqual([error.policy, error.limit, error.windowSeconds], ["ten", 10, 300])
          assert.isAtMost(error.retryAfterSeconds, 300)
          assert.isAtLeast(error.retryAfterSeconds, 299)
        })
      )

      it.effect("the window ends its time after the first attempt, however many attempts were refused", () =>
        Effect.gen(function* () {
          const key = freshKey()
          assert.isTrue(yield* passes(brief, key))
          assert.isTrue(yield* passes(brief, key))
          for (let attempt = 0; attempt < 5; attempt++) assert.isFalse(yield* passes(brief, key))
          yield* time.until(brief.window, passes(brief, key))
          assert.isTrue(yield* passes(brief, key))
          assert.isFalse(yield* passes(brief, key))
        })
      )

      it.effect("the first attempt opens the whole window, not a share of it", () =>
        Effect.gen(function* () {
          const { resetAfterSeconds } = yield* RateLimits.use((limits) => limits.consume(ten, freshKey()))
          assert.isAtLeast(resetAfterSeconds, 299)
        })
      )

      it.effect("no attempt extends the window", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          const left = Effect.map(
            limits.consume({ name: "wide", limit: 1_000_000, window: Duration.seconds(2) }, key),
            ({ resetAfterSeconds }) => resetAfterSeconds
          )
          assert.strictEqual(yield* left, 2)
          yield* time.until(Duration.seconds(1), Effect.orDie(Effect.map(left, (seconds) => seconds === 1)))
        })
      )

      it.effect("a cleared bucket starts over", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          yield* Effect.all(Array.from({ length: 10 }, () => limits.consume(ten, key)))
          yield* limits.clear(ten, key)
          assert.strictEqual((yield* limits.consume(ten, key)).remaining, 9)
        })
      )

      it.effect("a refund returns one attempt, also to a full bucket", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          yield* Effect.all(Array.from({ length: 10 }, () => limits.consume(ten, key)))
          assert.isFalse(yield* passes(ten, key))
          yield* limits.refund(ten, key)
          assert.isTrue(yield* passes(ten, key))
          assert.isFalse(yield* passes(ten, key))
        })
      )

      it.effect("refunds never exceed the limit nor extend the window", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          yield* limits.refund(brief, key)
          assert.isTrue(yield* passes(brief, key))
          for (let time = 0; time < 3; time++) yield* limits.refund(brief, key)
          assert.isTrue(yield* passes(brief, key))
          assert.isTrue(yield* passes(brief, key))
          assert.isFalse(yield* passes(brief, key))
          yield* time.until(brief.window, passes(brief, key))
        })
      )

      it.effect("each policy and key has a separate bucket", () =>
        Effect.gen(function* () {
          const limits = yield* RateLimits
          const key = freshKey()
          yield* Effect.all(Array.from({ length: 10 }, () => limits.consume(ten, key)))
          assert.isTrue(yield* passes({ ...ten, name: "another" }, key))
          assert.isTrue(yield* passes(ten, freshKey()))
        })
      )
    })
  })
