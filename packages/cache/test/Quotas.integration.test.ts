import { assert, describe, it } from "@effect/vitest"
import { Quotas, QuotasUnavailable } from "@user-service/cache/Quotas"
import * as Redis from "@user-service/cache/Redis"
import { waitUntil, freshKey, onLiveClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/QuotasSuite"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Redis as RedisService } from "effect/persistence"
import { spawnSync } from "node:child_process"
import { redisUrl } from "./engine.ts"

/** What one process has: quotas over a connection of its own. */
const oneProcess = (url: string, prefix: string) =>
  Layer.build(Layer.fresh(Quotas.layerRedis.pipe(Layer.provideMerge(Redis.layer({ url: Redacted.make(url), prefix })))))

const claim = (key: string, limit: number, candidates: ReadonlyArray<string>) => ({
  key,
  limit,
  candidates,
  members: Option.some([]),
  timeToLive: Duration.minutes(1)
})

describe.skipIf(redisUrl === "")("over Redis", () => {
  suite("Quotas.layerRedis", Quotas.layerRedis.pipe(Layer.provide(TestRedis.layer(redisUrl))), onLiveClock)

  it.live("of 500 claims in two processes on 10 places, exactly 10 get one", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const one = Context.get(yield* oneProcess(redisUrl, prefix), Quotas)
      const two = Context.get(yield* oneProcess(redisUrl, prefix), Quotas)
      const taken = yield* Effect.forEach(
        Array.from({ length: 500 }),
        (_, index) => (index % 2 === 0 ? one : two).claim([claim("a", 10, [String(index)])]),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        taken.filter(([has = Option.none()]) => Option.exists(has, ([candidate]) => candidate?.isMember === true)),
        10
      )
    })
  )

  it.live("1,000 claims take one round trip: all are sent before the first answer", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const redis = Context.get(yield* oneProcess(redisUrl, prefix), RedisService.Redis)
      const order: Array<string> = []
      const send: typeof redis.send = (command, ...args) =>
        Effect.suspend(() => {
          order.push("sent")
          return Effect.tap(redis.send(command, ...args), () => Effect.sync(() => order.push("answered")))
        })
      const unused = Effect.die("Quotas only sends")
      const noted = yield* RedisService.make({ send, subscribe: () => unused, connect: unused })
      const layer = Quotas.layerRedis.pipe(Layer.provide(Layer.succeed(RedisService.Redis, noted)))
      const quotas = Context.get(yield* Layer.build(Layer.fresh(layer)), Quotas)
      // The script is sent along once.
      yield* quotas.claim([claim(freshKey(), 1, ["a"])])
      order.length = 0
      yield* quotas.claim(Array.from({ length: 1000 }, () => claim(freshKey(), 1, ["a"])))
      assert.deepStrictEqual(
        order,
        Array.from({ length: 2000 }, (_, index) => (index < 1000 ? "sent" : "answered"))
      )
    })
  )

  it.live("no member is stored in the clear, and a set of 500 takes little more than 8 bytes for each", () =>
    Effect.gen(function* () {
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const context = yield* oneProcess(redisUrl, prefix)
      const candidates = Array.from({ length: 500 }, (_, index) => `ada@example.com-${index}`)
      yield* Context.get(context, Quotas).claim([claim("a", 500, candidates)])
      const redis = Context.get(context, RedisService.Redis)
      const kept = yield* redis.send<ReadonlyArray<string>>("smembers", "a")
      assert.isTrue(kept.every((number) => /^\d+$/.test(number)))
      assert.strictEqual(new Set(kept).size, 501)
      assert.isBelow(Number(yield* redis.send("memory", "usage", `${prefix}a`)), 8 * 500 + 500)
    })
  )
})

describe.skipIf(spawnSync("redis-server", ["--version"]).status !== 0)("an outage of Redis", () => {
  it.live("fails claims at once, until Redis is back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.start
      const quotas = Context.get(yield* oneProcess(server.url, "test:"), Quotas)
      const taking = quotas.claim([claim("a", 1, ["a"]), claim("b", 1, ["a"])])
      yield* taking
      yield* server.freeze
      const [waited, error] = yield* Effect.timed(Effect.flip(taking))
      assert.instanceOf(error, QuotasUnavailable)
      const [soon] = yield* Effect.timed(Effect.flip(taking))
      assert.isBelow(Duration.toMillis(soon), Duration.toMillis(waited) / 2)
      yield* server.thaw
      yield* waitUntil(Effect.isSuccess(taking))
    })
  )
})
