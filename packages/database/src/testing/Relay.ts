import { Effect } from "effect"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** Stands between the service and an engine, so that a test can part them without touching the engine. */
export interface Relay {
  /** The engine's address, by way of the relay. */
  readonly url: string
  /** Ends every connection and takes no new one. */
  readonly cut: Effect.Effect<void>
  readonly mend: Effect.Effect<void>
  /** From now on nothing of the connections there are gets through, and nobody is told; new ones are good. */
  readonly silence: Effect.Effect<void>
  /** Everything takes so many milliseconds more, either way. */
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
  const listen = (at: number) =>
    Effect.callback<void>((resume) => {
      server.listen(at, "127.0.0.1", () => resume(Effect.void))
    })
  const cut = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const socket of sockets) socket.destroy()
  })
  yield* Effect.acquireRelease(listen(0), () => cut)
  const { port: own } = server.address() as AddressInfo
  const url = new URL(engine)
  url.hostname = "127.0.0.1"
  url.port = String(own)
  return {
    url: url.href,
    cut,
    mend: listen(own),
    silence: Effect.sync(() => {
      for (const socket of sockets) silenced.add(socket)
    }),
    delay: (millis) =>
      Effect.sync(() => {
        delayMillis = millis
      })
  } satisfies Relay
})
