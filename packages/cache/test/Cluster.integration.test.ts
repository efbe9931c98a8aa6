import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { Context, Duration, Effect, Layer, Option } from "effect"
import { Redis } from "ioredis"
import { spawnSync } from "node:child_process"
import { oneProcess } from "./engine.ts"

const isInstalled = spawnSync("redis-server", ["--version"]).status === 0

/** A cluster of one node, which minds the slots of keys as any does. */
const startCluster = Effect.gen(function* () {
  const server = yield* RedisServer.make({ isCluster: true })
  yield* server.start
  yield* Effect.promise(async () => {
    const client = new Redis(server.url)
    await client.call("cluster", "addslotsrange", "0", "16383")
    while (!(await client.call("cluster", "info"))?.toString().includes("cluster_state:ok"));
    client.disconnect()
  })
  return `${server.url},${new URL(server.url).host}`
})

describe.skipIf(!isInstalled)("over a Redis Cluster (skipped where redis-server is not installed)", () => {
  it.live("many users are invalidated in one call", () =>
    Effect.gen(function* () {
      const cache = Context.get(yield* Layer.build(oneProcess(yield* startCluster, "test:")), Cache)
      const users = Array.from({ length: 50 }, (_, user) => user)
      const keys = users.flatMap((user) => [`user:{${user}}`, `preferences:{${user}}`])
      yield* Effect.forEach(keys, (key) =>
        cache.set(key, { version: 1, value: "old", timeToLive: Duration.minutes(1) })
      )
      assert.isTrue((yield* cache.getMany(keys)).every(Option.isSome))
      yield* cache.invalidate(keys.map((key) => ({ key, version: 2 })))
      assert.isTrue((yield* cache.getMany(keys)).every(Option.isNone))
      // Still in the epoch that it was in: nothing failed.
      const [key = ""] = keys
      yield* cache.set(key, { version: 1, value: "late", timeToLive: Duration.minutes(1) })
      assert.isTrue(Option.isNone(yield* cache.get(key)))
      yield* cache.set(key, { version: 2, value: "new", timeToLive: Duration.minutes(1) })
      assert.isTrue(Option.isSome(yield* cache.get(key)))
    })
  )
})
