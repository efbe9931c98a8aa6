import { RateLimits } from "@user-service/cache/RateLimits"
import { onLiveClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/RateLimitsSuite"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer } from "effect"
import { Redis } from "effect/persistence"
import { oneProcess, redisUrl } from "./engine.ts"

describe.skipIf(redisUrl === "")("over Redis", () => {
  suite("RateLimits.layerRedis", RateLimits.layerRedis.pipe(Layer.provide(TestRedis.layer(redisUrl))), onLiveClock)

  it.live("of 1,000 parallel attempts in two processes on a limit of 10, exactly 10 pass", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const one = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
      const two = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
      const limit = { name: "ten", limit: 10, window: Duration.minutes(1) }
      const exits = yield* Effect.all(
        Array.from({ length: 1000 }, (_, index) => Effect.exit((index % 2 === 0 ? one : two).consume(limit, "a"))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 10)
    })
  )

  for (const atOnce of [1, 7, 2000]) {
    it.live(`of 2,000 attempts in two processes on a limit of 300, ${atOnce} at once, exactly 300 pass`, () =>
      Effect.gen(function* () {
        const prefix = yield* TestRedis.freshPrefix(redisUrl)
        const one = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
        const two = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
        const limit = { name: "many", limit: 300, window: Duration.minutes(1) }
        const exits = yield* Effect.forEach(
          Array.from({ length: 2000 }).keys(),
          (index) => Effect.exit((index % 2 === 0 ? one : two).consume(limit, "a")),
          { concurrency: atOnce }
        )
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 300)
      })
    )
  }

  it.live("what a process reserved and does not use is at most a sixteenth of the limit", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const one = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
      const two = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), RateLimits)
      const limit = { name: "many", limit: 300, window: Duration.minutes(1) }
      yield* one.consume(limit, "a")
      const passed = yield* Effect.forEach(Array.from({ length: 300 }).keys(), () =>
        Effect.exit(two.consume(limit, "a"))
      )
      const count = passed.filter(Exit.isSuccess).length
      assert.isAtMost(count, 299)
      assert.isAtLeast(count, 299 - 300 / 16)
    })
  )

  it.live("no address stands in Redis", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const context = yield* Layer.build(oneProcess(redisUrl, prefix))
      yield* Context.get(context, RateLimits).consume(
        { name: "ten", limit: 10, window: Duration.minutes(1) },
        "ada@example.com"
      )
      const keys = yield* Context.get(context, Redis.Redis).send<ReadonlyArray<string>>("keys", `${prefix}limits:*`)
      assert.strictEqual(keys.length, 1)
      assert.notInclude(keys.join(), "example.com")
    })
  )
})
