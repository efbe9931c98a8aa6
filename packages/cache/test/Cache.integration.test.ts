import { Cache } from "@user-service/cache/Cache"
import { onLiveClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/CacheSuite"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option, Ref } from "effect"
import { Redis } from "effect/persistence"
import { oneProcess, redisUrl } from "./engine.ts"

describe.skipIf(redisUrl === "")("over Redis", () => {
  suite("Cache.layerRedis", Cache.layerRedis.pipe(Layer.provide(TestRedis.layer(redisUrl))), onLiveClock)

  it.live("a burst of 200 misses in two processes makes one load", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const one = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), Cache)
      const two = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), Cache)
      const loads = yield* Ref.make(0)
      const load = Ref.update(loads, (n) => n + 1).pipe(
        Effect.andThen(Effect.sleep("5 millis")),
        Effect.as(Option.some({ version: 1, value: "a" }))
      )
      const found = yield* Effect.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 === 0 ? one : two).readThrough("user:{1}", { timeToLive: Duration.minutes(1), load })
        ),
        { concurrency: "unbounded" }
      )
      assert.isTrue(found.every(Option.isSome))
      assert.strictEqual(yield* Ref.get(loads), 1)
    })
  )

  it.live("an invalidation by a process that has not noticed the new epoch yet applies in it", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const late = yield* Layer.build(oneProcess(redisUrl, prefix))
      yield* Context.get(late, Redis.Redis).send("incr", "epoch")
      yield* Context.get(late, Cache).invalidate([{ key: "user:{1}", version: 2 }])
      const early = Context.get(yield* Layer.build(oneProcess(redisUrl, prefix)), Cache)
      yield* early.set("user:{1}", { version: 1, value: "old", timeToLive: Duration.minutes(1) })
      assert.isTrue(Option.isNone(yield* early.get("user:{1}")))
    })
  )

  it.live("a read that began before the epoch rose is not stored in the next one", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const context = yield* Layer.build(oneProcess(redisUrl, prefix))
      const cache = Context.get(context, Cache)
      const load = Effect.gen(function* () {
        yield* Context.get(context, Redis.Redis).send("incr", "epoch")
        // A write makes the epoch known at once.
        yield* cache.invalidate([{ key: "another", version: 1 }])
        return Option.some({ version: 1, value: "old" })
      })
      yield* cache.readThrough("user:{1}", { timeToLive: Duration.minutes(1), load: Effect.orDie(load) })
      assert.isTrue(Option.isNone(yield* cache.get("user:{1}")))
    })
  )
})
