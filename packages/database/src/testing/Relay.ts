import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"
import { freePort } from "./PostgresServer.ts"

/** A TCP proxy in front of an engine, by which a test simulates network failures. */
export interface Relay {
  /** The engine's URL through the proxy. */
  readonly url: string
  /** Closes all connections and refuses new ones. */
  readonly cut: Effect.Effect<void>
  /** Accepts connections again. */
  readonly mend: Effect.Effect<void>
  /** Drops all data of the open connections without closing them. New connections work. */
  readonly silence: Effect.Effect<void>
  /** Delays all data in both directions. */
  readonly delay: (millis: number) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (engine: string) {
  const { hostname, port } = new URL(engine)
  const sockets = new Set<Socket>()
  const silenced = new WeakSet<Socket>()
  let delayMillis = 0
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client]
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => other.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.on("data", (chunk) => {
        if (silenced.has(socket)) return
        if (delayMillis === 0) other.write(chunk)
        else setTimeout(() => other.write(chunk), delayMillis)
      })
    }
  })
  const own = yield* freePort
  const listen = Effect.callback<void>((resume) => {
    server.listen(own, "127.0.0.1", () => resume(Effect.void))
  })
  const cut = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const socket of sockets) socket.destroy()
  })
  yield* Effect.acquireRelease(listen, () => cut)
  const url = new URL(engine)
  url.hostname = "127.0.0.1"
  url.port = String(own)
  return {
    url: url.href,
    cut,
    mend: listen,
    silence: Effect.sync(() => {
      for (const socket of sockets) silenced.add(socket)
    }),
    delay: (millis) =>
      Effect.sync(() => {
        delayMillis = millis
      })
  } satisfies Relay
})
