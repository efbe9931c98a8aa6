import { NodeHttpServer } from "@effect/platform-node"
import { closeWhenIdle } from "@user-service/api/node/IdleConnection"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Layer, Stream } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { connect } from "node:net"

// Twenty megabytes, more than the buffers of a connection hold.
const body = Stream.forever(Stream.make(new Uint8Array(65_536))).pipe(Stream.take(320))

/** Serves `body` with an idle timeout. The outcome is that of the first response. */
const serve = Effect.fnUntraced(function* (timeout: Duration.Input) {
  const outcome = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
  const app = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    closeWhenIdle(request, Duration.fromInputUnsafe(timeout))
    return HttpServerResponse.stream(Stream.onExit(body, (exit) => Deferred.succeed(outcome, exit)))
  })
  const context = yield* Layer.build(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
  yield* Effect.provide(HttpServer.serveEffect(app), context)
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
  return { url: HttpServer.formatAddress(address), outcome: Deferred.await(outcome) }
})

/** Sends a request and reads nothing of its response. */
const unread = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { hostname, port } = new URL(url)
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on("error", () => socket.destroy())
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      return socket.pause()
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("an idle timeout of a response", () => {
  it.live("closes the connection of a client that reads nothing, which ends the response", () =>
    Effect.gen(function* () {
      const { outcome, url } = yield* serve("100 millis")
      yield* unread(url)
      const exit = yield* outcome
      assert.isTrue(Exit.hasInterrupts(exit))
    })
  )

  it.live("does not affect a client that reads", () =>
    Effect.gen(function* () {
      const { outcome, url } = yield* serve("1 minute")
      const answer = yield* Effect.promise(async () => await (await fetch(url)).arrayBuffer())
      assert.strictEqual(answer.byteLength, 320 * 65_536)
      assert.isTrue(Exit.isSuccess(yield* outcome))
    })
  )
})
