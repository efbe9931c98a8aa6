import { Duration } from "effect"
import { connect, isIP, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { connect as connectTls } from "node:tls"
import { placeOf, type PostgresAddress, socketPath } from "./PostgresAddress.ts"
import { watchedLinks } from "./SilentLink.ts"

/**
 * Opens connections to the address. With `silenceLimit` each is destroyed once it owes an answer for longer than that, see
 * {@link watchedLinks}. `keepAlive` is how long a connection is idle before the kernel asks whether the other side is there.
 */
export const openerOf = (
  address: PostgresAddress,
  options: { readonly silenceLimit?: Duration.Duration; readonly keepAlive: Duration.Duration }
): (() => Duplex) => {
  const open = () => openSocket(address, options.keepAlive)
  const { silenceLimit } = options
  const opener =
    silenceLimit === undefined ? open : watchedLinks({ open, place: placeOf(address), limit: silenceLimit })
  return address.tls.mode === "prefer" && socketPath(address) === undefined
    ? () => new TlsWhereOffered(opener(), address.host)
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
const offersNone = 0x4e

/**
 * The connection, encrypted where the server offers that, without a look at its certificate: what libpq does with
 * `sslmode=prefer`. The client has this only with a check of the certificate.
 */
class TlsWhereOffered extends Duplex {
  readonly #host: string
  #link: Socket

  constructor(socket: Socket, host: string) {
    super()
    this.#link = socket
    this.#host = host
  }

  override _construct(callback: (error?: Error | null) => void): void {
    const socket = this.#link
    let isDone = false
    const done = (error?: Error) => {
      if (isDone) return
      isDone = true
      callback(error)
    }
    const fail = (error?: Error | boolean) =>
      done(error instanceof Error ? error : new Error("Connection closed unexpectedly"))
    const begin = (link: Socket) => {
      this.#link = link
      link.off("error", fail).off("close", fail)
      link.on("data", (chunk: Buffer) => this.push(chunk) || link.pause())
      link.on("end", () => this.push(null))
      link.on("error", (error) => this.destroy(error))
      link.on("close", () => this.destroy())
      done()
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
        encrypted.once("secureConnect", () => begin(encrypted))
      } else if (answer.length === 1 && answer[0] === offersNone) begin(socket)
      else socket.destroy(new Error("The server's answer to the request for TLS is not one of PostgreSQL's"))
    })
    socket.write(sslRequest)
  }

  override _read(): void {
    this.#link.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#link.write(chunk, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#link.end(callback)
  }

  // Before it is constructed nothing else would end the socket, as Node destroys it after that only.
  override destroy(error?: Error): this {
    this.#link.destroy()
    return super.destroy(error)
  }
}
