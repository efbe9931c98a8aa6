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
import { securityHeaders } from "../edge/SecurityHeaders.ts"
import { CoalescedResponse } from "./CoalescedResponse.ts"

const answers: Readonly<
  Record<string, { readonly status: number; readonly code: FailureCode; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "payload_too_large", message: "The request headers are too large" },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "malformed_json", message: "The request took too long to arrive" }
}
const unreadable = { status: 400, code: "malformed_json", message: "The request could not be read" } as const

interface Refused {
  readonly status: number
  readonly requestId: string
  readonly socket: Duplex
}
type OnRefusal = (refused: Refused) => void

// What is no HTTP never reaches a route; it is answered here, in the envelope too, and is on record as the rest is.
const refuse = (error: Error & { readonly code?: string }, socket: Duplex, onRefusal: OnRefusal): void => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, message, status } = answers[error.code ?? ""] ?? unreadable
  const body = JSON.stringify(failureBody({ code, message }))
  // What the client may have sent as one was not read.
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
  // Its method was not read, and is told as one that is not known (OpenTelemetry, "HTTP metrics").
  const method = "_OTHER"
  return ({ requestId, socket, status }: Refused): void => {
    metrics.begin()
    metrics.observe(method, undefined, status, 0)
    const time = clock.currentTimeMillisUnsafe()
    const ip = addressOf(socket)
    AccessLog.write(sink, { time, request_id: requestId, method, route: undefined, status, duration_ms: 0, ip })
  }
})

/** The longest head of a request, in bytes, and so the longest that anything in it can be. */
const maxHeaderSize = 16_384

// Closing a server, Node closes the connections that are between two requests. Those with a part of a head are idle as well,
// and so are those on which nothing was sent, which browsers open in advance; but Node would wait for them until its
// `headersTimeout`. A request is in progress once its whole head is there, until both it and its answer have ended.
const closeUnusedConnections = (server: Server): void => {
  // The last exchange of each connection. Answers go out in the order of the requests: where the last one is done, all are.
  const last = new Map<Socket, { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined>()
  const isUsed = (socket: Socket): boolean => {
    const exchange = last.get(socket)
    return exchange !== undefined && !(exchange.response.writableFinished && exchange.request.complete)
  }
  const destroyUnused = (socket: Socket): void => {
    if (!isUsed(socket)) socket.destroy()
  }
  // A part of the next head may have come with the last request.
  const destroyAfter = (socket: Socket, response: ServerResponse) => response.once("close", () => destroyUnused(socket))
  let isClosing = false
  server.on("connection", (socket) => {
    last.set(socket, undefined)
    socket.once("close", () => last.delete(socket))
  })
  server.on("request", (request, response) => {
    last.set(request.socket, { request, response })
    if (isClosing) destroyAfter(request.socket, response)
  })
  const closeIdleConnections = server.closeIdleConnections.bind(server)
  // Called by `close`.
  server.closeIdleConnections = () => {
    closeIdleConnections()
    if (!isClosing) for (const [socket, exchange] of last) if (exchange) destroyAfter(socket, exchange.response)
    isClosing = true
    for (const socket of last.keys()) destroyUnused(socket)
  }
}

const makeServer = (onRefusal: OnRefusal): Server => {
  const server = createServer({
    ServerResponse: CoalescedResponse,
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
  closeUnusedConnections(server)
  server.on("clientError", (error, socket) => refuse(error, socket, onRefusal))
  // Node would answer these by itself, outside the envelope. An unknown expectation may be passed over (RFC 9110, section
  // 10.1.1), and this is no proxy.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  server.on("connect", (_request, socket) => {
    // Node leaves such a connection to us whole, with its failures.
    socket.on("error", () => socket.destroy())
    refuse(new Error("CONNECT"), socket, onRefusal)
  })
  return server
}

/** Node's HTTP server. Once its scope closes it takes nothing new and gives what is under way the rest of `grace`. */
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
