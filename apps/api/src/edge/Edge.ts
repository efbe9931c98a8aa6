import { NodeHttpServerRequest } from "@effect/platform-node"
import { CurrentOrigin } from "@user-service/core/Origin"
import { routableUrl } from "@user-service/schema/http/Paths"
import { MaxBody } from "@user-service/schema/http/RouteFacts"
import * as AccessLog from "@user-service/telemetry/AccessLog"
import { Drain } from "@user-service/runtime/Drain"
import { HttpMetrics } from "@user-service/telemetry/HttpMetrics"
import { LogSink } from "@user-service/telemetry/LogSink"
import { type ByteSize, Clock, Context, Duration, Effect, identity, Option, References, Tracer } from "effect"
import { SecureRandom } from "effect/crypto"
import {
  HttpIncomingMessage,
  HttpMiddleware,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse,
  HttpTraceContext
} from "effect/http"
import { failure } from "../endpoints/Answers.ts"
import { makeOriginOf } from "./ClientAddress.ts"
import * as Deadlines from "./Deadlines.ts"
import { EdgeSettings } from "./EdgeSettings.ts"
import { withEnvelope } from "./Envelopes.ts"
import { makeGate } from "./Gate.ts"
import { withCheckedBody } from "../node/RequestBody.ts"
import { CurrentFacts, type RequestFacts } from "../endpoints/RequestFacts.ts"
import { routeOf } from "../endpoints/Routes.ts"
import { securityHeaders } from "../node/SecurityHeaders.ts"
import { isPageUrl, pageFailure } from "../unsubscribe/PageFailures.ts"
import * as OnePerTick from "../node/OnePerTick.ts"

// Longer than a full queue of password hashes takes.
const requestTimeout = Duration.seconds(20)

// The challenge of every 401 (RFC 6750, section 3).
const challenge = { "www-authenticate": `Bearer realm="user-service"` }

const printable = /^[\x20-\x7e]{1,128}$/

/**
 * The middleware of all requests: request id, client address, gate, deadline, envelope, response headers, access log and
 * metrics.
 */
export const Edge = HttpRouter.middleware(
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const settings = yield* EdgeSettings
    const drain = yield* Drain
    const sink = yield* LogSink
    const metrics = yield* HttpMetrics
    const gate = yield* makeGate
    const originOf = makeOriginOf()
    const withDeadline = yield* Deadlines.make(requestTimeout)
    const onePerTick = yield* OnePerTick.make
    const applyForwarded = HttpMiddleware.xForwardedHeaders({ trustedProxies: settings.trustedProxies })
    const corsMiddleware =
      settings.corsOrigins.length === 0
        ? identity
        : HttpMiddleware.cors({
            allowedOrigins: settings.corsOrigins,
            allowedMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allowedHeaders: [
              "Authorization",
              "Content-Type",
              "If-Match",
              "If-None-Match",
              "Idempotency-Key",
              "X-Request-Id",
              "traceparent",
              "tracestate"
            ],
            exposedHeaders: ["ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"],
            maxAge: 600
          })

    // Only an OPTIONS with this header is a preflight (Fetch, section 3.3.2). The library treats each one as such.
    const cors = <E, R>(
      request: HttpServerRequest.HttpServerRequest,
      app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
    ) =>
      request.method === "OPTIONS" && request.headers["access-control-request-method"] === undefined
        ? app
        : corsMiddleware(app)

    const requestIdOf = (request: HttpServerRequest.HttpServerRequest) => {
      const requestId = request.headers["x-request-id"]
      return requestId !== undefined && printable.test(requestId) ? Effect.succeed(requestId) : random.uuidV4()
    }

    const headersOf = (request: HttpServerRequest.HttpServerRequest, facts: RequestFacts) => ({
      ...securityHeaders,
      "x-request-id": facts.requestId,
      ...(gate.isHttps(request) ? { "strict-transport-security": "max-age=31536000" } : {}),
      ...(drain.isDraining() ? { connection: "close" } : {})
    })

    const record = (
      request: HttpServerRequest.HttpServerRequest,
      facts: RequestFacts,
      status: number,
      started: number,
      ended: number
    ) => {
      metrics.observe(request.method, facts.route, status, (ended - started) / 1000)
      AccessLog.write(sink, {
        time: ended,
        request_id: facts.requestId,
        method: request.method,
        route: facts.route,
        status,
        duration_ms: ended - started,
        user_id: facts.userId,
        service: facts.service,
        ip: facts.origin.ip ?? undefined,
        trace_id: facts.traceId
      })
    }

    return (app) => {
      const handle = Effect.gen(function* () {
        const rawRequest = yield* HttpServerRequest.HttpServerRequest
        const url = routableUrl(NodeHttpServerRequest.toIncomingMessage(rawRequest).url ?? "", rawRequest.url)
        const request = withCheckedBody(url === rawRequest.url ? rawRequest : rawRequest.modify({ url }))
        const started = yield* monotonicMillis
        metrics.begin()
        const span = yield* spanOf(request)
        const route = routeOf(request.method, request.url)
        const facts: RequestFacts = {
          requestId: yield* requestIdOf(request),
          route: route?.path,
          traceId: Option.getOrUndefined(span)?.traceId,
          origin: originOf(request)
        }
        const warning = gate.warningOf(request)
        if (warning !== undefined) yield* Effect.annotateLogs(warning, "request_id", facts.requestId)
        const respondFailure = isPageUrl(rawRequest.url) ? pageFailure : failure
        const refusal = gate.refusal(rawRequest, route, respondFailure)
        const handler = cors(request, withEnvelope(app, respondFailure))
        const queued = route?.hashesPassword === true ? Effect.andThen(onePerTick, handler) : handler
        const response = yield* (
          refusal === undefined ? withDeadline(queued, tooLong(respondFailure)) : Effect.succeed(refusal)
        ).pipe(
          // The client closed the connection before the response.
          Effect.onInterrupt(() => Effect.map(monotonicMillis, (ended) => record(request, facts, 499, started, ended))),
          Effect.updateContext(contextOf({ request, facts, span, maxBody: route?.maxBody ?? noRouteMaxBody }))
        )
        record(request, facts, response.status, started, yield* monotonicMillis)
        // Headers that the route has set take precedence.
        return HttpServerResponse.setHeaders(response, {
          ...headersOf(request, facts),
          ...(response.status === 401 ? challenge : {}),
          ...response.headers
        })
      })
      return settings.trustedProxies.length === 0 ? handle : applyForwarded(handle)
    }
  }),
  { global: true }
)

const noRouteMaxBody = MaxBody.defaultValue()

const tooLong = (respondFailure: typeof failure) =>
  respondFailure(503, "service_unavailable", "The request took too long", { "retry-after": "1" })

type RequestContext = Context.Context<HttpServerRequest.HttpServerRequest>

interface RequestScope {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly facts: RequestFacts
  readonly span: Option.Option<Tracer.AnySpan>
  readonly maxBody: ByteSize.ByteSize
}

// Adds all services in one step, since each change of the context costs time in every request.
const contextOf =
  ({ facts, maxBody, request, span }: RequestScope) =>
  (context: RequestContext): RequestContext => {
    const requestContext = context.pipe(
      Context.add(HttpServerRequest.HttpServerRequest, request),
      Context.add(CurrentFacts, facts),
      Context.add(CurrentOrigin, facts.origin),
      Context.add(HttpIncomingMessage.MaxBodySize, maxBody),
      Context.add(References.CurrentLogAnnotations, { request_id: facts.requestId })
    )
    if (Option.isNone(span)) return requestContext
    const withSpan = Context.add(requestContext, Tracer.ParentSpan, span.value)
    // A trace that is not sampled needs no child spans.
    return span.value.sampled ? withSpan : Context.add(withSpan, References.TracerEnabled, false)
  }

// The server's span, or the client's if this process exports no traces.
const spanOf = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.map(
    Effect.serviceOption(Tracer.ParentSpan),
    Option.orElse((): Option.Option<Tracer.AnySpan> => HttpTraceContext.fromHeaders(request.headers))
  )

const monotonicMillis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
