import { assert, describe, it } from "@effect/vitest"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { inject } from "vitest"
import { assertStatuses, load, login, make, type Process, profile } from "./Pair.ts"

const databaseUrl = inject("databaseUrl")
const isMissing = spawnSync("redis-server", ["--version"]).status !== 0

const flush = ({ url }: RedisServer.RedisServer) =>
  Effect.promise(async () => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.write("FLUSHALL\r\n")
    await once(socket, "data")
    socket.destroy()
  })

type On = (server: RedisServer.RedisServer) => Effect.Effect<void>

const outages: ReadonlyArray<{
  readonly name: string
  readonly begin: On
  readonly end: On
  readonly seconds: number
}> = [
  { name: "killed, and back empty", begin: (s) => s.kill, end: (s) => s.start, seconds: 2 },
  { name: "frozen for fifteen seconds", begin: (s) => s.freeze, end: (s) => s.thaw, seconds: 15 },
  { name: "flushed", begin: flush, end: () => Effect.void, seconds: 1 }
]

const limit = 5

/** How many of twenty guesses at a stranger's password are judged. */
const guesses = (process: Process, email: string) =>
  Effect.map(
    Effect.forEach(
      Array.from({ length: 20 }, () => ({ body: { email, password: "a wrong guess at it" } })),
      (sent) => process.send("POST", login, sent),
      { concurrency: 5 }
    ),
    (answers) => {
      assertStatuses(answers, [401, 429])
      return answers.filter(({ status }) => status === 401).length
    }
  )

describe.skipIf(databaseUrl === "" || isMissing)("two processes whose Redis is", () => {
  it.live.each(outages)(
    "$name still answer: ended sessions stay ended, limits apply, and no copy is stale",
    ({ begin, end, seconds }) =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        yield* server.start
        const pair = yield* make(databaseUrl, server.url, { RATE_LIMIT_LOGIN_ACCOUNT: `${limit}/5m` })
        const [a, b] = [yield* pair.process(), yield* pair.process()]
        const both = [a, b]
        const person = yield* a.person()
        const read = (process: Process, token = person.access) => process.send("GET", profile, { token })
        const ended = yield* a.login(person)
        yield* a.send("POST", "/api/v1/users/logout/", { token: ended.access })
        const endedMeanwhile = yield* a.login(person)
        yield* Effect.forEach(both, (process) => read(process, endedMeanwhile.access))
        const change = (process: Process, bio: string) =>
          process.send("PATCH", profile, { token: person.access, body: { profile: { bio } } })
        const bios = Effect.map(
          Effect.forEach(both, (process) => read(process)),
          (answers) => answers.map(({ body }) => body.data.profile.bio)
        )
        yield* change(a, "before")
        assert.deepStrictEqual(yield* bios, ["before", "before"])

        const stop = yield* load([...both.map((process) => read(process)), change(b, "meanwhile")])
        yield* begin(server)
        yield* a.send("POST", "/api/v1/users/logout/", { token: endedMeanwhile.access })
        yield* Effect.sleep("1 second")
        const refused = Effect.forEach([ended, endedMeanwhile], ({ access }) =>
          Effect.forEach(both, (process) => Effect.map(read(process, access), ({ status }) => status))
        )
        const allRefused = [
          [401, 401],
          [401, 401]
        ]
        assert.deepStrictEqual(yield* refused, allRefused)
        for (const process of both) {
          assert.isAtMost(yield* guesses(process, `stranger${both.indexOf(process)}@example.com`), limit)
        }
        yield* Effect.sleep(`${seconds} seconds`)
        yield* end(server)
        assertStatuses(yield* stop, [200])

        yield* change(a, "after")
        const cacheIsUp = Effect.map(
          Effect.forEach(both, (process) => process.send("GET", "/health")),
          (answers) => answers.every(({ body }) => body.data.checks.cache.status === "up")
        )
        yield* waitUntil(cacheIsUp)
        // The one follows the other into the new epoch within 250 ms (see Cache).
        yield* Effect.sleep("500 millis")
        for (let round = 0; round < 20; round++) assert.deepStrictEqual(yield* bios, ["after", "after"])
        yield* change(b, "at last")
        for (let round = 0; round < 20; round++) assert.deepStrictEqual(yield* bios, ["at last", "at last"])
        assert.deepStrictEqual(yield* refused, allRefused)
        // Counted together again: what one lets pass the other has not to give.
        const judged = yield* Effect.forEach(both, (process) => guesses(process, "stranger@example.com"))
        assert.strictEqual(
          judged.reduce((sum, count) => sum + count, 0),
          limit
        )
      }),
    60_000
  )
})
