import { NodeHttpServer } from "@effect/platform-node"
import { failureBody, type FailureCode } from "@user-service/schema/Envelope"
import type { Duration } from "effect"
import { randomUUID } from "node:crypto"
import { createServer, type Server, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { securityHeaders } from "./SecurityHeaders.ts"

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
  const headers = {
    ...securityHeaders,
    // What the client may have sent as one was not read.
    "x-request-id": randomUUID(),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close"
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"))
}

/** The longest head of a request, in bytes, and so the longest that anything in it can be. */
export const maxHeaderSize = 16_384

const makeServer = (): Server => {
  const server = createServer({
    // Time to send a whole head, and a whole request: slow senders hold nothing for long. Looked at often enough that they
    // are told so before the request's own deadline (Edge.ts) ends their connection without a word.
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 2000,
    maxHeaderSize,
    // Node would refuse a request without one by itself, outside the envelope; the gate does.
    requireHostHeader: false
  })
  server.on("clientError", refuse)
  // Node would answer these by itself, outside the envelope. An unknown expectation may be passed over (RFC 9110, section
  // 10.1.1), and this is no proxy.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  server.on("connect", (_request, socket) => {
    // Node leaves such a connection to us whole, with its failures.
    socket.on("error", () => socket.destroy())
    refuse(new Error("CONNECT"), socket)
  })
  return server
}

/** Node's HTTP server. Once its scope closes it takes nothing new and gives what is under way the rest of `grace`. */
export const layer = (settings: { readonly host: string; readonly port: number; readonly grace: Duration.Duration }) =>
  NodeHttpServer.layer(makeServer, {
    host: settings.host,
    port: settings.port,
    gracefulShutdownTimeout: settings.grace
  })
