import { Duration } from "effect"
import type { Socket } from "node:net"

const checkMillis = 250

interface WatchedSocket {
  /** The time since the last received data. */
  quietMillis: number
  /** Whether an answer is overdue. Called once per check. */
  readonly isOverdue: () => boolean
  readonly destroy: () => void
}

/**
 * Wraps `open` so that a socket is destroyed when an answer takes longer than `limit`. When a firewall drops a connection
 * silently, the kernel would retransmit for 15 minutes. Other sockets that have received nothing for `limit` are destroyed at
 * the same time, instead of after a timeout each. Requires a protocol in which everything sent is answered.
 */
export const watchedSockets = (options: {
  readonly open: () => Socket
  /** The address, for the error of a destroyed socket. */
  readonly place: string
  readonly limit: Duration.Duration
}): (() => Socket) => {
  const watched = new Set<WatchedSocket>()
  const limitMillis = Duration.toMillis(options.limit)
  // One timer for all sockets, because a timer each would wake an idle process more often. Not Effect's clock, because the
  // PostgreSQL client opens connections in a plain callback, outside any fiber.
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    const overdue = [...watched].filter((entry) => entry.isOverdue())
    if (overdue.length > 0) for (const { destroy, quietMillis } of watched) if (quietMillis >= limitMillis) destroy()
  }
  const add = (entry: WatchedSocket) => {
    watched.add(entry)
    timer ??= setInterval(check, checkMillis).unref()
  }
  const remove = (entry: WatchedSocket) => {
    watched.delete(entry)
    if (watched.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  return () => {
    const socket = options.open()
    let read = 0
    let written = 0
    let waitingMillis = 0
    const reset = () => {
      read = socket.bytesRead
      written = socket.bytesWritten
      waitingMillis = 0
      entry.quietMillis = 0
    }
    socket.on("data", reset)
    const entry: WatchedSocket = {
      quietMillis: 0,
      isOverdue: () => {
        // With TLS there are no "data" events, only the counts.
        if (socket.bytesRead !== read) reset()
        else {
          entry.quietMillis += checkMillis
          if (socket.bytesWritten !== written) waitingMillis += checkMillis
        }
        return waitingMillis >= limitMillis
      },
      destroy: () => socket.destroy(new Error(`No answer from ${options.place} within ${limitMillis} ms`))
    }
    add(entry)
    socket.once("close", () => remove(entry))
    return socket
  }
}
