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
import { withEnvelope } from "../endpoints/Envelopes.ts"
import { makeGate } from "./Gate.ts"
import { withCheckedBody } from "../node/RequestBody.ts"
import { CurrentFacts, type RequestFacts } from "./RequestFacts.ts"
import { routeOf } from "./Routes.ts"
import { securityHeaders } from "./SecurityHeaders.ts"
import * as OnePerTick from "../node/OnePerTick.ts"

// Longer than a full queue of password hashes takes; whatever waits longer is not coming.
const timeAllowed = Duration.seconds(20)

// The scheme every 401 asks for (RFC 6750, section 3).
const challenge = { "www-authenticate": `Bearer realm="user-service"` }

const printable = /^[\x20-\x7e]{1,128}$/

/**
 * What every request passes, whatever its route: its id and origin, the gate, its deadline, the envelope, the headers of
 * every answer, and at its end the access log and the metrics.
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
    const inTime = yield* Deadlines.make(timeAllowed)
    const onePerTick = yield* OnePerTick.make
    const applyForwarded = HttpMiddleware.xForwardedHeaders({ trustedProxies: settings.trustedProxies })
    const shared =
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

    // The library takes every OPTIONS for a preflight, which names the method it asks about (Fetch, section 3.3.2).
    const cors = <E, R>(
      request: HttpServerRequest.HttpServerRequest,
      app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
    ) =>
      request.method === "OPTIONS" && request.headers["access-control-request-method"] === undefined ? app : shared(app)

    const requestIdOf = (request: HttpServerRequest.HttpServerRequest) => {
      const given = request.headers["x-request-id"]
      return given !== undefined && printable.test(given) ? Effect.succeed(given) : random.uuidV4()
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
      const handled = Effect.gen(function* () {
        const asked = yield* HttpServerRequest.HttpServerRequest
        const url = routableUrl(NodeHttpServerRequest.toIncomingMessage(asked).url ?? "", asked.url)
        const request = withCheckedBody(url === asked.url ? asked : asked.modify({ url }))
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
        const refusal = gate.refusal(asked, route)
        const answer = cors(request, withEnvelope(app))
        const inTurn = route?.hashesPassword === true ? Effect.andThen(onePerTick, answer) : answer
        const response = yield* (refusal === undefined ? inTime(inTurn, tooLong) : Effect.succeed(refusal)).pipe(
          // The client went away before there was an answer.
          Effect.onInterrupt(() => Effect.map(monotonicMillis, (ended) => record(request, facts, 499, started, ended))),
          Effect.updateContext(contextOf({ request, facts, span, maxBody: route?.maxBody ?? noRouteMaxBody }))
        )
        record(request, facts, response.status, started, yield* monotonicMillis)
        // What a route set itself stands.
        return HttpServerResponse.setHeaders(response, {
          ...headersOf(request, facts),
          ...(response.status === 401 ? challenge : {}),
          ...response.headers
        })
      })
      return settings.trustedProxies.length === 0 ? handled : applyForwarded(handled)
    }
  }),
  { global: true }
)

const noRouteMaxBody = MaxBody.defaultValue()

const tooLong = failure(503, "service_unavailable", "The request took too long", { "retry-after": "1" })

type RequestContext = Context.Context<HttpServerRequest.HttpServerRequest>

interface RequestScope {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly facts: RequestFacts
  readonly span: Option.Option<Tracer.AnySpan>
  readonly maxBody: ByteSize.ByteSize
}

// All at once: each change of the context is paid for by every request.
const contextOf =
  ({ facts, maxBody, request, span }: RequestScope) =>
  (context: RequestContext): RequestContext => {
    const ours = context.pipe(
      Context.add(HttpServerRequest.HttpServerRequest, request),
      Context.add(CurrentFacts, facts),
      Context.add(CurrentOrigin, facts.origin),
      Context.add(HttpIncomingMessage.MaxBodySize, maxBody),
      Context.add(References.CurrentLogAnnotations, { request_id: facts.requestId })
    )
    if (Option.isNone(span)) return ours
    const within = Context.add(ours, Tracer.ParentSpan, span.value)
    // A trace that goes nowhere needs no spans below this one.
    return span.value.sampled ? within : Context.add(within, References.TracerEnabled, false)
  }

// The server's span; where none is exported there is none, and the client's trace goes on without one of ours.
const spanOf = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.map(
    Effect.serviceOption(Tracer.ParentSpan),
    Option.orElse((): Option.Option<Tracer.AnySpan> => HttpTraceContext.fromHeaders(request.headers))
  )

const monotonicMillis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
