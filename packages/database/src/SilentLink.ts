import { Duration } from "effect"
import { connect, type Socket } from "node:net"

const lookMillis = 250
// Firewalls forget a link that nothing passes over for some minutes.
const keepAliveMillis = 60_000

/**
 * A connection that is destroyed once it owes an answer for longer than `limit`: where a firewall forgot it, or packets
 * fall into a hole, the kernel itself would go on trying for a quarter of an hour. For protocols in which everything
 * sent is answered.
 */
export const connectWatched = (options: {
  readonly host: string
  readonly port: number
  readonly limit: Duration.Duration
}): Socket => {
  const socket = connect({
    host: options.host,
    port: options.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMillis
  })
  const limitMillis = Duration.toMillis(options.limit)
  let read = 0
  let written = 0
  let owedMillis = 0
  const heard = () => {
    read = socket.bytesRead
    written = socket.bytesWritten
    owedMillis = 0
  }
  socket.on("data", heard)
  const watch = setInterval(() => {
    // TLS takes the data for itself, and leaves the counts.
    if (socket.bytesRead !== read) heard()
    else if (socket.bytesWritten !== written && (owedMillis += lookMillis) >= limitMillis) {
      socket.destroy(new Error(`No answer from ${options.host} within ${limitMillis} ms`))
    }
  }, lookMillis).unref()
  socket.once("close", () => clearInterval(watch))
  return socket
}
