// The sessions of a process with PostgreSQL, which it leaves when the server turns out to be read-only (decision 0048).
import type { PgConnection } from "@effect/sql-pg"
import { Clock, Context, Duration, Effect } from "effect"
import type { Duplex } from "node:stream"

/** Ends sessions with a server that no longer accepts writes, because it became a replica. */
export class OpenSessions extends Context.Service<
  OpenSessions,
  {
    /**
     * Ends all sessions, so that the next statements open new ones, and find the server that is now behind the name, the proxy or
     * among the hosts. At most once a second: where there is no other server, reads must still work.
     */
    readonly leave: Effect.Effect<void>
  }
>()("@user-service/database/OpenSessions") {}

const pause = Duration.toMillis("1 second")

/** Tracks the sessions of the given configurations. */
export const make = () => {
  const open = new Set<Duplex>()
  let leftAt = Number.NEGATIVE_INFINITY
  return {
    /** The configuration with an opener that records its sockets. */
    track: <Config extends PgConnection.Config>(config: Config): Config => {
      const { stream } = config
      if (stream === undefined) return config
      const opened = () => {
        const socket = stream()
        open.add(socket)
        socket.once("close", () => open.delete(socket))
        return socket
      }
      return { ...config, stream: opened }
    },
    leave: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - leftAt < pause) return Effect.void
      leftAt = now
      // Waits for the ends, so that the caller's next statement is not sent on a session that is about to end.
      return Effect.forEach([...open], destroy, { concurrency: "unbounded", discard: true })
    })
  }
}

const destroy = (socket: Duplex) =>
  Effect.callback<void>((resume) => {
    socket.once("close", () => resume(Effect.void))
    socket.destroy(new Error("The server is read-only"))
  }).pipe(Effect.timeoutOption("100 millis"))
