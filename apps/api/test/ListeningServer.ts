import { Effect } from "effect"
import { once } from "node:events"
import type { Server } from "node:http"

/** Lets the server listen on a free loopback port until the scope closes, and returns its URL. */
export const listenOnLoopback = (server: Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await once(server.listen(0, "127.0.0.1"), "listening")
      const address = server.address()
      if (address === null || typeof address === "string") throw new TypeError("A TCP server has a port")
      return new URL(`http://127.0.0.1:${address.port}`)
    }),
    () =>
      Effect.promise(async () => {
        server.closeAllConnections()
        await once(server.close(), "close")
      })
  )
