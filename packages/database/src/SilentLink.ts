import { Duration } from "effect"
import type { Socket } from "node:net"

const lookMillis = 250

interface Link {
  /** Since anything came. */
  quietMillis: number
  /** Whether an answer is owed for too long; called at every interval. */
  readonly isSilent: () => boolean
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
  // One timer for all of them: each of its own would wake an idle process as often as it has connections. It is not of Effect's
  // clock, since the client of PostgreSQL opens connections by a plain callback, outside any fiber.
  let watch: NodeJS.Timeout | undefined
  const look = () => {
    const silent = [...links].filter((link) => link.isSilent())
    if (silent.length > 0) for (const { end, quietMillis } of links) if (quietMillis >= limitMillis) end()
  }
  const follow = (link: Link) => {
    links.add(link)
    watch ??= setInterval(look, lookMillis).unref()
  }
  const forget = (link: Link) => {
    links.delete(link)
    if (links.size > 0) return
    clearInterval(watch)
    watch = undefined
  }
  return () => {
    const socket = options.open()
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
    const link: Link = {
      quietMillis: 0,
      isSilent: () => {
        // TLS takes the data for itself, and leaves the counts.
        if (socket.bytesRead !== read) heard()
        else {
          link.quietMillis += lookMillis
          if (socket.bytesWritten !== written) owedMillis += lookMillis
        }
        return owedMillis >= limitMillis
      },
      end: () => socket.destroy(new Error(`No answer from ${options.place} within ${limitMillis} ms`))
    }
    follow(link)
    socket.once("close", () => forget(link))
    return socket
  }
}
