import { once } from "node:events"
import { connect, type Socket } from "node:net"

/** The answer of a server. The body is not decoded. */
export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

/** Renders a request once, to be sent many times. */
export const requestBytes = (
  method: string,
  path: string,
  options: { readonly token?: string; readonly body?: unknown } = {}
): Buffer => {
  const body = options.body === undefined ? "" : JSON.stringify(options.body)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    ...(options.token === undefined ? [] : [`authorization: Bearer ${options.token}`]),
    ...(body === "" ? [] : ["content-type: application/json", `content-length: ${Buffer.byteLength(body)}`])
  ]
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`)
}

/** The server closed the connection or sent an invalid answer. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost"
}

/**
 * A keep-alive connection with one request at a time. It only supports the answers of the service and of the floor, with a
 * content length or without a body, since a complete client costs more CPU than the servers under measurement.
 */
export interface Connection {
  readonly send: (request: Buffer) => Promise<Answer>
  readonly close: () => void
}

const lengthOf = (head: string, status: number): number => {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return Number(length)
  if (status === 204 || status === 304) return 0
  throw new ConnectionLost(`An answer of ${status} without a length`)
}

/** The first complete answer in the bytes, and its length; undefined if the answer is incomplete. */
export const parse = (bytes: Buffer): { readonly answer: Answer; readonly length: number } | undefined => {
  const headEnd = bytes.indexOf("\r\n\r\n")
  if (headEnd < 0) return undefined
  const head = bytes.toString("latin1", 0, headEnd)
  const status = Number(head.slice(9, 12))
  const bodyStart = headEnd + 4
  const length = bodyStart + lengthOf(head, status)
  return bytes.length < length
    ? undefined
    : { answer: { status, head, body: bytes.subarray(bodyStart, length) }, length }
}

export const open = async (url: URL): Promise<Connection> => {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
  await once(socket, "connect")
  return fromSocket(socket)
}

const fromSocket = (socket: Socket): Connection => {
  let waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (cause: unknown) => void } | undefined
  let received: Buffer | undefined

  const fail = (cause: unknown) => {
    const request = waiting
    waiting = undefined
    socket.destroy()
    request?.reject(cause)
  }
  socket.on("data", (chunk) => {
    received = received === undefined ? chunk : Buffer.concat([received, chunk])
    try {
      const parsed = parse(received)
      if (parsed === undefined) return
      received = undefined
      const request = waiting
      waiting = undefined
      request?.resolve(parsed.answer)
    } catch (cause) {
      fail(cause)
    }
  })
  socket.on("error", fail)
  socket.on("close", () => fail(new ConnectionLost("The server closed the connection")))

  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new ConnectionLost("The server closed the connection"))
        waiting = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy()
  }
}
