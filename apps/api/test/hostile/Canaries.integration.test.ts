import { assert, describe, it } from "@effect/vitest"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { inject } from "vitest"
import { freshEngines, layerOn, TestApi } from "../TestApi.ts"
import { assertNoLeak, Canaries, spread, useAll } from "./Canaries.ts"

const databaseUrl = inject("databaseUrl")
const isThere = databaseUrl !== "" && spawnSync("redis-server", ["--version"]).status === 0

/** Everything that the Redis at `url` is told from now on, keys and values and all. */
const monitored = Effect.fnUntraced(function* (url: string) {
  const { hostname, port } = new URL(url)
  const told: Array<string> = []
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => connect({ host: hostname, port: Number(port) })),
    (socket) => Effect.sync(() => socket.destroy())
  )
  socket.setEncoding("utf8")
  socket.on("data", (text: string) => told.push(text))
  socket.write("MONITOR\r\n")
  yield* Effect.promise(() => once(socket, "data"))
  return { text: () => told.join("") }
})

describe.skipIf(!isThere)("secrets, on PostgreSQL and Redis", { timeout: 240_000 }, () => {
  it.live("are in no key or value of Redis, in no response and not in the log", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.start
      const shared = yield* freshEngines(databaseUrl, server.url)
      const monitor = yield* monitored(server.url)
      const canaries = new Canaries()
      const log = yield* Effect.gen(function* () {
        const api = yield* TestApi
        yield* useAll(canaries)
        yield* spread(canaries)
        return JSON.stringify(yield* api.log)
      }).pipe(Effect.provide(layerOn(shared, { LOG_LEVEL: "debug", ...counted })))

      for (const [place, text] of Object.entries({ redis: monitor.text(), log })) {
        assert.isAbove(text.length, 10_000, place)
        assert.deepStrictEqual(canaries.foundIn(text), [], place)
      }
      assertNoLeak(canaries)
    }).pipe(Effect.scoped)
  )
})

/** Attempts are counted, in Redis too, and nobody comes to the limit. */
const counted = Object.fromEntries(
  ["REGISTER", "LOGIN_ACCOUNT", "LOGIN_IP", "REFRESH", "CHANGE_PASSWORD"].map((name) => [
    `RATE_LIMIT_${name}`,
    "9999/1h"
  ])
)
