import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { Lock } from "@user-service/cache/Lock"
import { RateLimits } from "@user-service/cache/RateLimits"
import { RedisHealth } from "@user-service/cache/Redis"
import { waitUntil, freshKey } from "@user-service/cache/testing/Fresh"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { Context, Duration, Effect, Exit, Layer, Logger, Option } from "effect"
import { Redis } from "effect/persistence"
import { spawnSync } from "node:child_process"
import { oneProcess } from "./engine.ts"

const timeToLive = Duration.minutes(10)
const old = { version: 1, value: "old" }
const key = "user:{1}"
const ten = { name: "ten", limit: 10, window: Duration.minutes(5) }

const three = { ...ten, name: "three", limit: 3 }

/** A Redis of its own and one process on it. */
const setUp = Effect.gen(function* () {
  const server = yield* RedisServer.make()
  yield* server.start
  const services = yield* connect(server.url)
  return { server, ...services }
})

const connect = (url: string) =>
  Effect.map(Layer.build(oneProcess(url, "test:")), (context) => ({
    cache: Context.get(context, Cache),
    lock: Context.get(context, Lock),
    limits: Context.get(context, RateLimits),
    redis: Context.get(context, Redis.Redis),
    health: Context.get(context, RedisHealth)
  }))

const has = (cache: Cache["Service"], at = key) => Effect.map(cache.get(at), Option.isSome)

/** That the cache keeps and finds things. */
const works = (cache: Cache["Service"]) =>
  Effect.suspend(() => {
    const fresh = freshKey()
    return Effect.andThen(cache.set(fresh, { ...old, timeToLive }), has(cache, fresh))
  })

const milliseconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

describe.skipIf(spawnSync("redis-server", ["--version"]).status !== 0)("an outage of Redis", () => {
  it.live("a process that starts without Redis loads from the database, and uses Redis when it is available", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const { cache, health } = yield* connect(server.url)
      assert.deepStrictEqual(
        yield* cache.readThrough(key, { timeToLive, load: Effect.succeed(Option.some(old)) }),
        Option.some(old)
      )
      assert.isTrue(Exit.isFailure(yield* Effect.exit(health.ping)))
      yield* server.start
      yield* waitUntil(works(cache))
      yield* health.ping
    })
  )

  it.live("no entry from before a crash is used after it, although Redis still has it", () =>
    Effect.gen(function* () {
      const { cache, redis, server } = yield* setUp
      yield* cache.set(key, { ...old, timeToLive })
      assert.isTrue(yield* has(cache))
      yield* redis.send("save")
      yield* server.kill
      yield* cache.invalidate([{ key, version: 2 }])
      yield* server.start
      yield* waitUntil(works(cache))
      assert.isFalse(yield* has(cache))
      const newcomer = yield* connect(server.url)
      assert.isFalse(yield* has(newcomer.cache))
      assert.strictEqual((yield* redis.send<ReadonlyArray<string>>("keys", `test:*:${key}`)).length, 1)
    })
  )

  it.live("a Redis that restarts empty begins a new epoch", () =>
    Effect.gen(function* () {
      const { cache, redis, server } = yield* setUp
      const before = Number(yield* redis.send<string>("get", "epoch"))
      yield* server.kill
      yield* server.start
      yield* waitUntil(works(cache))
      assert.isAbove(Number(yield* redis.send<string>("get", "epoch")), before)
    })
  )

  it.live("a Redis that is emptied begins a new epoch, as its invalidations are gone", () =>
    Effect.gen(function* () {
      const { cache, redis } = yield* setUp
      const before = Number(yield* redis.send<string>("get", "epoch"))
      yield* redis.send("flushall")
      // Reads find out.
      yield* waitUntil(
        Effect.andThen(
          has(cache),
          Effect.map(Effect.orDie(redis.send<string | null>("get", "epoch")), (epoch) => Number(epoch) > before)
        )
      )
      yield* waitUntil(works(cache))
    })
  )

  it.live("a Redis that never answers costs one short timeout, and its entries are not used afterwards", () =>
    Effect.gen(function* () {
      const { cache, server } = yield* setUp
      yield* cache.set(key, { ...old, timeToLive })
      yield* server.freeze
      assert.isBelow(yield* milliseconds(cache.invalidate([{ key, version: 2 }])), 1000)
      const load = Effect.succeed(Option.some(old))
      const rest = yield* milliseconds(
        Effect.forEach(Array.from({ length: 100 }), () => cache.readThrough(key, { timeToLive, load }))
      )
      assert.isBelow(rest, 250)
      yield* server.thaw
      yield* waitUntil(works(cache))
      assert.isFalse(yield* has(cache))
    })
  )

  it.live("a Redis that was frozen for longer than a connection lasts is used again", () =>
    Effect.gen(function* () {
      const { cache, server } = yield* setUp
      yield* server.freeze
      yield* Effect.sleep("3 seconds")
      yield* server.thaw
      yield* waitUntil(works(cache))
    })
  )

  it.live("a process that alone loses Redis raises the epoch for the others too", () =>
    Effect.gen(function* () {
      const { cache, redis, server } = yield* setUp
      const other = yield* connect(server.url)
      yield* cache.set(key, { ...old, timeToLive })
      assert.isTrue(yield* has(other.cache))
      yield* Effect.exit(redis.send("client", "kill", "skipme", "no", "id", String(yield* redis.send("client", "id"))))
      assert.isFalse(yield* has(cache))
      yield* waitUntil(Effect.map(has(other.cache), (found) => !found))
      yield* waitUntil(works(cache))
      assert.isFalse(yield* has(cache))
    })
  )

  it.live("limits remain exact in the process, and are shared again afterwards", () =>
    Effect.gen(function* () {
      const { limits, server } = yield* setUp
      yield* server.kill
      const attempts = Array.from({ length: 100 }, () => Effect.exit(limits.consume(ten, "a")))
      const exits = yield* Effect.all(attempts, { concurrency: "unbounded" })
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 10)
      yield* limits.refund(ten, "a")
      assert.strictEqual((yield* limits.consume(ten, "a")).remaining, 0)
      yield* server.start
      const other = yield* connect(server.url)
      yield* other.limits.consume(ten, "b")
      yield* waitUntil(
        Effect.map(limits.consume(ten, freshKey()), () => true).pipe(
          Effect.andThen(Effect.map(limits.consume({ ...ten, limit: 1_000_000 }, "b"), ({ remaining }) => remaining)),
          Effect.map((remaining) => remaining < 1_000_000 - 1),
          Effect.orDie
        )
      )
    })
  )

  it.live("an outage refunds no attempt: a limit continues from the last count of Redis", () =>
    Effect.gen(function* () {
      const { limits, server } = yield* setUp
      for (const remaining of [2, 1]) assert.strictEqual((yield* limits.consume(three, "a")).remaining, remaining)
      yield* server.freeze
      const attempts = Array.from({ length: 20 }, () => Effect.exit(limits.consume(three, "a")))
      assert.lengthOf((yield* Effect.all(attempts, { concurrency: "unbounded" })).filter(Exit.isSuccess), 1)
      const error = yield* Effect.flip(limits.consume(three, "a"))
      assert.isAtMost(error.retryAfterSeconds, 300)
      assert.isAtLeast(error.retryAfterSeconds, 290)
    })
  )

  it.live("attempts that were counted without Redis are added to it once, and count in every process", () =>
    Effect.gen(function* () {
      const { limits, redis, server } = yield* setUp
      const seven = { ...three, limit: 7 }
      yield* limits.consume(seven, "a")
      yield* server.kill
      for (const remaining of [5, 4, 3]) assert.strictEqual((yield* limits.consume(seven, "a")).remaining, remaining)
      // It comes back without the one it had.
      yield* server.start
      yield* waitUntil(Effect.isSuccess(redis.send("ping")))
      const both = yield* Effect.all([limits.consume(seven, "a"), limits.consume(seven, "a")], { concurrency: 2 })
      assert.deepStrictEqual(both.map(({ remaining }) => remaining).toSorted(), [1, 2])
      const other = yield* connect(server.url)
      assert.strictEqual((yield* other.limits.consume(seven, "a")).remaining, 0)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(limits.consume(seven, "a"))))
    })
  )

  it.live("a Redis that restarts empty refunds no attempt", () =>
    Effect.gen(function* () {
      const { limits, redis, server } = yield* setUp
      yield* Effect.repeat(limits.consume(three, "a"), { times: 1 })
      yield* server.kill
      yield* server.start
      yield* waitUntil(Effect.isSuccess(redis.send("ping")))
      const attempts = Array.from({ length: 5 }, () => Effect.exit(limits.consume(three, "a")))
      assert.lengthOf((yield* Effect.all(attempts, { concurrency: "unbounded" })).filter(Exit.isSuccess), 1)
    })
  )

  it.live("a bucket that another process cleared is empty in this one", () =>
    Effect.gen(function* () {
      const { limits, server } = yield* setUp
      const other = yield* connect(server.url)
      yield* Effect.repeat(limits.consume(three, "a"), { times: 2 })
      yield* other.limits.clear(three, "a")
      assert.strictEqual((yield* limits.consume(three, "a")).remaining, 2)
    })
  )

  it.live("a bucket that is cleared is empty with Redis and without", () =>
    Effect.gen(function* () {
      const { limits, server } = yield* setUp
      yield* Effect.repeat(limits.consume(three, "a"), { times: 2 })
      yield* limits.clear(three, "a")
      assert.strictEqual((yield* limits.consume(three, "a")).remaining, 2)
      yield* limits.clear(three, "a")
      yield* server.freeze
      assert.strictEqual((yield* limits.consume(three, "a")).remaining, 2)
    })
  )

  it.live("a refund gives back one attempt, whether it was counted with Redis or without", () =>
    Effect.gen(function* () {
      const { limits, redis, server } = yield* setUp
      yield* Effect.repeat(limits.consume(three, "a"), { times: 2 })
      yield* limits.refund(three, "a")
      yield* server.freeze
      assert.strictEqual((yield* limits.consume(three, "a")).remaining, 0)
      yield* limits.refund(three, "a")
      yield* server.thaw
      yield* waitUntil(Effect.isSuccess(redis.send("ping")))
      const passed = yield* Effect.forEach([1, 2, 3], () => Effect.exit(limits.consume(three, "a")))
      // The attempt that Redis did not answer in time may have been counted there as well, but no other.
      assert.isAtMost(passed.filter(Exit.isSuccess).length, 1)
    })
  )

  it.live("limits wait no longer than one short timeout for a Redis that answers nothing", () =>
    Effect.gen(function* () {
      const { limits, server } = yield* setUp
      yield* server.freeze
      assert.isBelow(yield* milliseconds(limits.consume(ten, "a")), 1000)
      const rest = Effect.forEach(Array.from({ length: 9 }), () => limits.consume(ten, "a"))
      assert.isBelow(yield* milliseconds(rest), 250)
    })
  )

  it.live("no lock is granted while Redis is unavailable, and callers learn it soon", () =>
    Effect.gen(function* () {
      const { lock, server } = yield* setUp
      yield* server.freeze
      const taking = lock.tryAcquire("a", Duration.seconds(1))
      assert.isBelow(yield* milliseconds(taking), 1000)
      assert.isTrue(Option.isNone(yield* taking))
    })
  )

  it.live("an outage is logged as one warning, and no line has the password", () => {
    const lines: Array<string> = []
    const collect = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
    return Effect.gen(function* () {
      const server = yield* RedisServer.make({ password: "hunter2" })
      yield* server.start
      const { cache, redis } = yield* connect(server.url)
      yield* waitUntil(works(cache))
      yield* server.kill
      yield* Effect.exit(redis.send("get", "a"))
      yield* waitUntil(Effect.sync(() => lines.some((line) => line.includes("out of reach"))))
      yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.exit(redis.send("get", "a")))
      yield* server.start
      yield* waitUntil(works(cache))
      const stranger = yield* connect(server.url.replace("hunter2", "letmein"))
      assert.isFalse(yield* works(stranger.cache))
      yield* waitUntil(Effect.sync(() => lines.some((line) => line.includes("WRONGPASS"))))
      assert.strictEqual(lines.filter((line) => line.includes("out of reach")).length, 2)
      assert.notMatch(lines.join("\n"), /hunter2|letmein/)
    }).pipe(Effect.provide(collect))
  })
})
