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
