import { Duration } from "effect"
import type { Socket } from "node:net"

const lookMillis = 250

interface Link {
  /** Since anything came. */
  quietMillis: number
  readonly end: () => void
}

/**
 * Connections each of which is destroyed once it owes an answer for longer than `limit`: where a firewall forgot it, or
 * packets fall into a hole, the kernel itself would go on trying for a quarter of an hour. The others that brought nothing
 * for as long go with it, or each would have to be found out by itself. For protocols in which everything sent is answered.
 */
export const watchedLinks = (options: {
  readonly open: () => Socket
  /** What a link leads to, for the error of one that is destroyed. */
  readonly place: string
  readonly limit: Duration.Duration
}): (() => Socket) => {
  const links = new Set<Link>()
  const limitMillis = Duration.toMillis(options.limit)
  const endSilent = () => {
    for (const { end, quietMillis } of links) if (quietMillis >= limitMillis) end()
  }
  return () => {
    const socket = options.open()
    const link: Link = {
      quietMillis: 0,
      end: () => socket.destroy(new Error(`No answer from ${options.place} within ${limitMillis} ms`))
    }
    links.add(link)
    let read = 0
    let written = 0
    let owedMillis = 0
    const heard = () => {
      read = socket.bytesRead
      written = socket.bytesWritten
      owedMillis = 0
      link.quietMillis = 0
    }
    socket.on("data", heard)
    const watch = setInterval(() => {
      // TLS takes the data for itself, and leaves the counts.
      if (socket.bytesRead !== read) return heard()
      link.quietMillis += lookMillis
      if (socket.bytesWritten !== written && (owedMillis += lookMillis) >= limitMillis) endSilent()
    }, lookMillis).unref()
    socket.once("close", () => {
      clearInterval(watch)
      links.delete(link)
    })
    return socket
  }
}
