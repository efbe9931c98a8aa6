import { Effect } from "effect"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** Stands between the service and an engine, so that a test can part them without touching the engine. */
export interface Relay {
  /** The engine's address, by way of the relay. */
  readonly url: string
  /** Ends every connection and takes no new one. */
  readonly cut: Effect.Effect<void>
  readonly mend: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (engine: string) {
  const { hostname, port } = new URL(engine)
  const sockets = new Set<Socket>()
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
      socket.pipe(other)
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
  return { url: url.href, cut, mend: listen(own) } satisfies Relay
})
