import { NodeHttpServer } from "@effect/platform-node"
import { failureBody, type FailureCode } from "@user-service/schema/Envelope"
import * as AccessLog from "@user-service/telemetry/AccessLog"
import { HttpMetrics } from "@user-service/telemetry/HttpMetrics"
import { LogSink } from "@user-service/telemetry/LogSink"
import { Clock, type Duration, Effect, Layer, Result } from "effect"
import { NetAddress } from "effect/net"
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { CoalescedResponse } from "./CoalescedResponse.ts"
import { securityHeaders } from "./SecurityHeaders.ts"

const responses: Readonly<
  Record<string, { readonly status: number; readonly code: FailureCode; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "payload_too_large", message: "The request headers are too large" },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "malformed_json", message: "The request took too long to arrive" }
}
const badRequest = { status: 400, code: "malformed_json", message: "The request could not be read" } as const

interface Refusal {
  readonly status: number
  readonly requestId: string
  readonly socket: Duplex
}
type OnRefusal = (refusal: Refusal) => void

// Answers a request that Node could not parse, and that no route will see: with the envelope, an access log line and metrics.
const refuse = (error: Error & { readonly code?: string }, socket: Duplex, onRefusal: OnRefusal): void => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, message, status } = responses[error.code ?? ""] ?? badRequest
  const body = JSON.stringify(failureBody({ code, message }))
  // The headers were not parsed, so the client's id is not known.
  const requestId = randomUUID()
  const headers = {
    ...securityHeaders,
    "x-request-id": requestId,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close"
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"))
  onRefusal({ status, requestId, socket })
}

const addressOf = (socket: Duplex): string | undefined => {
  const address = "remoteAddress" in socket ? NetAddress.ipFromString(String(socket.remoteAddress)) : undefined
  return address !== undefined && Result.isSuccess(address)
    ? NetAddress.formatIp(NetAddress.toCanonical(address.success))
    : undefined
}

const makeOnRefusal = Effect.gen(function* () {
  const sink = yield* LogSink
  const metrics = yield* HttpMetrics
  const clock = yield* Clock.Clock
  // OpenTelemetry's value for an unknown method ("HTTP metrics").
  const method = "_OTHER"
  return ({ requestId, socket, status }: Refusal): void => {
    metrics.begin()
    metrics.observe(method, undefined, status, 0)
    const time = clock.currentTimeMillisUnsafe()
    const ip = addressOf(socket)
    AccessLog.write(sink, { time, request_id: requestId, method, route: undefined, status, duration_ms: 0, ip })
  }
})

// The longest request head, in bytes.
const maxHeaderSize = 16_384

// When a server closes, Node destroys the connections that are between two requests. It waits up to `headersTimeout` for
// connections that have sent nothing yet, which browsers open in advance, and for those that have sent part of a head. This
// destroys them too: a connection is in use from a complete request head until the request and its response have ended.
const closeUnusedConnections = (server: Server): void => {
  // The last exchange of each connection. Responses are sent in the order of requests: if the last one is done, all are.
  const exchanges = new Map<
    Socket,
    { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined
  >()
  const isUsed = (socket: Socket): boolean => {
    const exchange = exchanges.get(socket)
    return exchange !== undefined && !(exchange.response.writableFinished && exchange.request.complete)
  }
  const destroyUnused = (socket: Socket): void => {
    if (!isUsed(socket)) socket.destroy()
  }
  // The connection may hold part of the next head, in which case Node does not count it as idle.
  const destroyAfter = (socket: Socket, response: ServerResponse) => response.once("close", () => destroyUnused(socket))
  let isClosing = false
  server.on("connection", (socket) => {
    exchanges.set(socket, undefined)
    socket.once("close", () => exchanges.delete(socket))
  })
  server.on("request", (request, response) => {
    exchanges.set(request.socket, { request, response })
    if (isClosing) destroyAfter(request.socket, response)
  })
  const closeIdleConnections = server.closeIdleConnections.bind(server)
  // Called by `close`.
  server.closeIdleConnections = () => {
    closeIdleConnections()
    if (!isClosing) for (const [socket, exchange] of exchanges) if (exchange) destroyAfter(socket, exchange.response)
    isClosing = true
    for (const socket of exchanges.keys()) destroyUnused(socket)
  }
}

const makeServer = (onRefusal: OnRefusal): Server => {
  const server = createServer({
    ServerResponse: CoalescedResponse,
    // The time for a whole head and for a whole request. Checked often enough that a slow sender gets a 408 before the
    // request's deadline (Edge.ts) closes the connection without a response.
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 2000,
    maxHeaderSize,
    // Node's own refusal would have no envelope. The gate checks the header instead.
    requireHostHeader: false
  })
  closeUnusedConnections(server)
  server.on("clientError", (error, socket) => refuse(error, socket, onRefusal))
  // Node's own answers would have no envelope. Unknown expectations are ignored, which RFC 9110, section 10.1.1, allows.
  // CONNECT is refused: this is not a proxy.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  server.on("connect", (_request, socket) => {
    // Node no longer handles the errors of this socket.
    socket.on("error", () => socket.destroy())
    refuse(new Error("CONNECT"), socket, onRefusal)
  })
  return server
}

/** Node's HTTP server. When its scope closes, it stops accepting connections and waits up to `grace` for requests in progress. */
export const layer = (settings: { readonly host: string; readonly port: number; readonly grace: Duration.Duration }) =>
  Layer.unwrap(
    Effect.map(makeOnRefusal, (onRefusal) =>
      NodeHttpServer.layerServer(() => makeServer(onRefusal), {
        host: settings.host,
        port: settings.port,
        gracefulShutdownTimeout: settings.grace
      })
    )
  )
