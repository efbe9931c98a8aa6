import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect } from "effect"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { IncomingMessage } from "node:http"
import { connect } from "node:net"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { exchange, parse } from "./RawHttp.ts"

const login = "/api/v1/users/login/"

const headOf = (length: number, ...lines: ReadonlyArray<string>) =>
  [
    `POST ${login} HTTP/1.1`,
    "Host: a",
    "Content-Type: application/json",
    `Content-Length: ${length}`,
    ...lines,
    "Connection: close",
    "\r\n"
  ].join("\r\n")

describe("a body of a told length", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("is read as a whole, in any number of parts", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        // More than is read from a socket at once; some parts begin within a character.
        const note = "é".repeat(45_000)
        const body = Buffer.from(JSON.stringify({ email: "nobody@example.com", password: "péché péché", note }))
        const parts = Array.from({ length: 20 }, (_, part) => body.subarray(part * 4601, (part + 1) * 4601))
        const answer = parse(yield* exchange(api.url, headOf(body.length), ...parts))
        assert.strictEqual(answer.status, 401)
        const cut = parse(yield* exchange(api.url, headOf(body.length - 1), body.subarray(0, -1)))
        assert.strictEqual(cut.status, 400)
      })
    )

    it.effect("may be empty", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        assert.strictEqual(parse(yield* exchange(api.url, headOf(0))).status, 422)
      })
    )

    it.effect("that never arrives ends when its sender disconnects, with one access log line", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { hostname, port } = new URL(api.url)
        const socket = connect({ host: hostname, port: Number(port) })
        socket.on("error", () => socket.destroy())
        const head = headOf(100, "X-Request-Id: gone")
        yield* Effect.promise(() => new Promise<void>((resolve) => socket.write(`${head}{"email":`, () => resolve())))
        const active = Effect.map(api.send("GET", "/metrics"), ({ text }) =>
          Number(/^http_server_active_requests(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1])
        )
        // The one that asks, and the one that waits.
        yield* waitUntil(Effect.map(active, (count) => count === 2))
        socket.destroy()
        yield* waitUntil(Effect.map(active, (count) => count === 1))
        const lines = (yield* api.log).filter((line) => line["request_id"] === "gone")
        assert.deepStrictEqual(
          lines.map((line) => line["status"]),
          [499]
        )
      })
    )

    it.effect("that ends early while its reader is interrupted raises no unhandled error", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { hostname, port } = new URL(api.url)
        const kinds = [headOf(100), headOf(100, "Expect: 100-continue"), chunkedHead]
        for (const head of kinds) {
          const message = yield* nextRequest
          const socket = connect({ host: hostname, port: Number(port) })
          socket.on("error", () => socket.destroy())
          socket.write(head)
          const request = yield* message
          socket.destroy()
          yield* waitUntil(Effect.sync(() => request.destroyed && request.listenerCount("data") === 0))
          assert.isAbove(request.listenerCount("error"), 0)
        }
      })
    )
  })
})

const chunkedHead = headOf(0).replace("Content-Length: 0", "Transfer-Encoding: chunked")

/** Begins to wait for the next request that Node's server takes. */
const nextRequest = Effect.sync(() => {
  const taken = new Promise<IncomingMessage>((resolve) => {
    const take = (message: unknown) => {
      unsubscribe("http.server.request.start", take)
      resolve((message as { readonly request: IncomingMessage }).request)
    }
    subscribe("http.server.request.start", take)
  })
  return Effect.promise(() => taken)
})
