import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Deferred, Effect } from "effect"
import { connect } from "node:net"
import { goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const login = "/api/v1/users/login/"
const id = "gone"

/** Keeps the database to itself until the effect inside is run: what needs it waits. */
const holdDatabase = Effect.gen(function* () {
  const { sql } = yield* TestApi
  const [held, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  yield* Effect.forkScoped(sql.withTransaction(Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(gate))))
  yield* Deferred.await(held)
  return Deferred.succeed(gate, undefined)
})

/** A client that sends this much and is there until it is told to go. */
const client = Effect.fnUntraced(function* (text: string) {
  const { url } = yield* TestApi
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on("error", () => socket.destroy())
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  yield* Effect.promise(() => new Promise<void>((resolve) => socket.write(text, () => resolve())))
  return Effect.sync(() => socket.destroy())
})

/** The sum of a metric's series. */
const metric = (name: string) =>
  Effect.map(
    Effect.flatMap(TestApi, ({ send }) => send("GET", "/metrics")),
    ({ text }) =>
      [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce(
        (sum, [, value]) => sum + Number(value),
        0
      )
  )

/** What the log says of the request: at most one line, and none of a failure. */
const logged = Effect.map(
  Effect.flatMap(TestApi, ({ log }) => log),
  (lines) => {
    assert.deepStrictEqual(
      lines.filter(({ level }) => level === "error"),
      []
    )
    return lines.filter((line) => line["request_id"] === id)
  }
)

describe("a client that goes away before its answer", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("causes no password hash, and is logged as 499", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email } = yield* api.person()
        const hashed = yield* metric("password_hashes_total")
        const inProgress = yield* metric("http_server_active_requests")
        const release = yield* holdDatabase
        const body = JSON.stringify({ email, password: goodPassword })
        const head = `POST ${login} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Request-Id: ${id}`
        const leave = yield* client(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
        yield* waitUntil(Effect.map(metric("http_server_active_requests"), (count) => count > inProgress))
        yield* leave
        yield* waitUntil(Effect.map(logged, (lines) => lines.length === 1))
        yield* release
        const [line] = yield* logged
        assert.deepInclude(line, { method: "POST", route: login, status: 499 })
        // A login that had gone on would have been answered by now, and so hashed.
        yield* api.login({ email, password: goodPassword })
        assert.strictEqual(yield* metric("password_hashes_total"), hashed + 1)
        assert.strictEqual((yield* logged).length, 1)
      })
    )
  })
})
