import { Duration } from "effect"
import { connect, isIP, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { connect as connectTls } from "node:tls"
import { placeOf, type PostgresAddress, socketPath } from "./PostgresAddress.ts"
import { watchedSockets } from "./WatchedSockets.ts"

/**
 * Opens sockets to the address. With `silenceLimit` a socket is destroyed when an answer takes longer than that, see
 * {@link watchedSockets}. `keepAlive` is the idle time before TCP keepalive probes (decision
 * 0022).
 */
export const openerOf = (
  address: PostgresAddress,
  options: { readonly silenceLimit?: Duration.Duration; readonly keepAlive: Duration.Duration }
): (() => Duplex) => {
  const open = () => openSocket(address, options.keepAlive)
  const { silenceLimit } = options
  const opener =
    silenceLimit === undefined ? open : watchedSockets({ open, place: placeOf(address), limit: silenceLimit })
  return address.tls.mode === "prefer" && socketPath(address) === undefined
    ? () => new PreferredTls(opener(), address.host)
    : opener
}

const openSocket = (address: PostgresAddress, keepAlive: Duration.Duration): Socket => {
  const path = socketPath(address)
  return path === undefined
    ? connect({
        host: address.host,
        port: address.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: Duration.toMillis(keepAlive)
      })
    : connect({ path })
}

// PostgreSQL 17, section 53.2.10: the length of the message and the code of SSLRequest; the answer is S or N.
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const offersTls = 0x53
const refusesTls = 0x4e

/**
 * A connection that is encrypted if the server offers TLS, without checking the certificate, as libpq does for `sslmode=prefer`. The
 * PostgreSQL client cannot do this without a check.
 */
class PreferredTls extends Duplex {
  readonly #host: string
  #stream: Socket

  constructor(socket: Socket, host: string) {
    super()
    this.#stream = socket
    this.#host = host
  }

  override _construct(callback: (error?: Error | null) => void): void {
    const socket = this.#stream
    let hasFinished = false
    const finish = (error?: Error) => {
      if (hasFinished) return
      hasFinished = true
      callback(error)
    }
    const fail = (error?: Error | boolean) =>
      finish(error instanceof Error ? error : new Error("Connection closed unexpectedly"))
    const connectThrough = (stream: Socket) => {
      this.#stream = stream
      stream.off("error", fail).off("close", fail)
      stream.on("data", (chunk: Buffer) => this.push(chunk) || stream.pause())
      stream.on("end", () => this.push(null))
      stream.on("error", (error) => this.destroy(error))
      stream.on("close", () => this.destroy())
      finish()
    }
    socket.on("error", fail).on("close", fail)
    socket.once("data", (answer: Buffer) => {
      if (answer.length === 1 && answer[0] === offersTls) {
        socket.off("error", fail).off("close", fail)
        const encrypted = connectTls({
          socket,
          rejectUnauthorized: false,
          ...(isIP(this.#host) === 0 && { servername: this.#host })
        })
        encrypted.on("error", fail).on("close", fail)
        encrypted.once("secureConnect", () => connectThrough(encrypted))
      } else if (answer.length === 1 && answer[0] === refusesTls) connectThrough(socket)
      else socket.destroy(new Error("The server's answer to the request for TLS is not one of PostgreSQL's"))
    })
    socket.write(sslRequest)
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#stream.write(chunk, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.end(callback)
  }

  // Node calls `_destroy` only after construction, so this is the only way to end the socket before.
  override destroy(error?: Error): this {
    this.#stream.destroy()
    return super.destroy(error)
  }
}
