import { NodeHttpServer } from "@effect/platform-node"
import { failureBody, type FailureCode } from "@user-service/schema/Envelope"
import type { Duration } from "effect"
import { createServer, type Server, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"

const answers: Readonly<
  Record<string, { readonly status: number; readonly code: FailureCode; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "payload_too_large", message: "The request headers are too large" },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "malformed_json", message: "The request took too long to arrive" }
}
const unreadable = { status: 400, code: "malformed_json", message: "The request could not be read" } as const

// What is no HTTP never reaches a route; it is answered here, in the envelope too.
const refuse = (error: Error & { readonly code?: string }, socket: Duplex): void => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, message, status } = answers[error.code ?? ""] ?? unreadable
  const body = JSON.stringify(failureBody({ code, message }))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  )
}

const makeServer = (): Server => {
  const server = createServer({
    // Time to send a whole head, and a whole request: slow senders hold nothing for long.
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5000,
    maxHeaderSize: 16_384
  })
  server.on("clientError", refuse)
  return server
}

/** Node's HTTP server. Once its scope closes it takes nothing new and gives what is under way the rest of `grace`. */
export const layer = (settings: { readonly host: string; readonly port: number; readonly grace: Duration.Duration }) =>
  NodeHttpServer.layer(makeServer, {
    host: settings.host,
    port: settings.port,
    gracefulShutdownTimeout: settings.grace
  })
