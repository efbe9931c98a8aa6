import { assert, describe, it } from "@effect/vitest"
import { RedisHealth } from "@user-service/cache/Redis"
import * as Certificates from "@user-service/cache/testing/Certificates"
import * as RedisSentinel from "@user-service/cache/testing/RedisSentinel"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { Context, Effect, Layer, Schedule } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"
import { spawnSync } from "node:child_process"
import { connect as connectTcp, createServer, type Socket } from "node:net"
import { oneProcess } from "./engine.ts"

const areInstalled = [
  ["redis-server", "--version"],
  ["openssl", "version"]
].every(([program = "", argument = ""]) => spawnSync(program, [argument]).status === 0)

const started = (options?: Parameters<typeof RedisServer.make>[0]) =>
  Effect.tap(RedisServer.make(options), ({ start }) => start)

const client = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(url)),
    (own) => Effect.sync(() => own.disconnect())
  )

/** What a process has of the Redis at `url`. */
const processOn = (url: string) =>
  Effect.map(Layer.build(oneProcess(url, "test:")), (context) => ({
    redis: Context.get(context, Redis.Redis),
    health: Context.get(context, RedisHealth)
  }))

const succeeds = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.match(effect, { onFailure: () => false, onSuccess: () => true })

/** Waits longer than other tests do: on a busy machine the sentinels take seconds. */
const waitUntil = (condition: Effect.Effect<boolean>) =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.die("Not within 30 seconds") })
  )

const portOf = (url: string) => Number(new URL(url).port)

/** A TCP proxy whose connections stay where they are when it moves, as those by a name that gets another address. */
const movingProxy = Effect.fnUntraced(function* (first: string) {
  let target = portOf(first)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connectTcp(target, "127.0.0.1")
    for (const each of [socket, upstream]) sockets.add(each.on("error", () => {}))
    socket.pipe(upstream).pipe(socket)
  })
  const port = yield* RedisServer.freePort
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
  return { url: `redis://127.0.0.1:${port}`, move: (url: string) => void (target = portOf(url)) }
})

describe.skipIf(!areInstalled)("Redis under sentinels (skipped without redis-server or openssl)", () => {
  it.live("is the master that they name, also for a connection without commands while the old one is frozen", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* started({ password: "a,b" }), yield* started({ password: "a,b" })]
      const replica = yield* client(second.url)
      yield* Effect.promise(() => replica.replicaof("127.0.0.1", portOf(first.url)))
      const sentinel = yield* RedisSentinel.make({ master: first.url, password: "own=" })
      const { health, redis } = yield* processOn(
        `redis+sentinel://:a,b@127.0.0.1:1,${sentinel}/users?sentinel_password=own%3D`
      )
      yield* waitUntil(succeeds(health.ping))
      yield* redis.send("set", "key", "of the first")
      yield* waitUntil(Effect.promise(async () => (await replica.get("test:key")) === "of the first"))
      const failures = health.failures()

      yield* first.freeze
      yield* waitUntil(Effect.promise(async () => (await replica.role())[0] === "master"))
      // Not by a command that failed: there was none.
      yield* waitUntil(Effect.sync(() => health.failures() > failures))
      yield* first.thaw
      yield* Effect.promise(() => replica.set("test:key", "of the second"))
      yield* waitUntil(succeeds(health.ping))
      assert.strictEqual(yield* redis.send("get", "key"), "of the second")
    })
  )

  it.live("is reached over TLS by the names that they announce", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make("DNS:localhost")
      const master = yield* started({ tls, hostname: "localhost" })
      const sentinel = yield* RedisSentinel.make({ master: master.url, tls })
      yield* Certificates.trust(tls.authority)
      const { redis, health } = yield* processOn(`rediss+sentinel://${sentinel}/users`)
      yield* waitUntil(succeeds(health.ping))
      yield* redis.send("set", "key", "value")
      assert.strictEqual(yield* redis.send("get", "key"), "value")
    })
  )

  it.live("is left by a connection that finds it a replica, whose next one finds the master by the same name", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* started(), yield* started()]
      const proxy = yield* movingProxy(first.url)
      const { health, redis } = yield* processOn(proxy.url)
      yield* waitUntil(succeeds(health.ping))
      yield* redis.send("set", "key", "of the first")
      const failures = health.failures()

      const old = yield* client(first.url)
      proxy.move(second.url)
      yield* Effect.promise(() => old.replicaof("127.0.0.1", portOf(second.url)))
      yield* waitUntil(succeeds(redis.send("set", "key", "of the second")))
      assert.isAbove(health.failures(), failures)
      const master = yield* client(second.url)
      assert.strictEqual(yield* Effect.promise(() => master.get("test:key")), "of the second")
    })
  )
})
