import { NodeHttpServerRequest } from "@effect/platform-node"
import { Storage } from "@user-service/database/Storage"
import { failureBody, type FailureCode, noPage } from "@user-service/schema/Envelope"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { routableUrl } from "@user-service/schema/http/Paths"
import { Drain } from "@user-service/telemetry/Drain"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Cause, Effect, Layer, Option, type Redacted } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"

export interface HealthSettings {
  /** What `/metrics` asks for; open when absent. */
  readonly metricsToken: Option.Option<Redacted.Redacted<string>>
}

/** The worker's own probes and metrics: all that it answers to over HTTP. */
export const routes = ({ metricsToken }: HealthSettings) =>
  Layer.mergeAll(live, ready, metrics(metricsToken), HttpRouter.middleware(answerEverything, { global: true }))

const live = HttpRouter.add(
  "GET",
  "/health/live",
  Effect.sync(() => ok("The process answers"))
)

const ready = HttpRouter.add(
  "GET",
  "/health/ready",
  Effect.gen(function* () {
    const drain = yield* Drain
    const storage = yield* Storage
    if (drain.isDraining()) return unavailable("The process is shutting down")
    return yield* Effect.match(storage.probe, {
      onFailure: ({ message }) => unavailable(message),
      onSuccess: () => ok("Ready to work")
    })
  })
)

const metrics = (token: HealthSettings["metricsToken"]) =>
  HttpRouter.add(
    "GET",
    "/metrics",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const { authorization } = request.headers
      if (!Prometheus.permits(token, authorization)) {
        if (authorization !== undefined) {
          const { record } = yield* CredentialRefusals
          const ip = Option.getOrNull(request.peerAddress)
          yield* record({ event: "metrics_token_refused", reason: "unknown", ip })
        }
        const challenge = { "www-authenticate": `Bearer realm="metrics"` }
        return failure(401, "authentication_required", "The metrics token is required", challenge)
      }
      return HttpServerResponse.text(yield* Prometheus.render, { contentType: Prometheus.contentType })
    })
  )

const answerEverything = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.updateService(app, HttpServerRequest.HttpServerRequest, byRoutableUrl).pipe(
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) =>
        isUnknownRoute(Cause.squash(cause))
          ? Effect.succeed(failure(404, "not_found", "There is nothing here"))
          : Effect.as(
              Effect.logError("A probe failed, for a reason of ours", cause),
              failure(500, "internal_error", "Something went wrong")
            )
    )
  )

const byRoutableUrl = (request: HttpServerRequest.HttpServerRequest) =>
  request.modify({ url: routableUrl(NodeHttpServerRequest.toIncomingMessage(request).url ?? "", request.url) })

const isUnknownRoute = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

const ok = (message: string) =>
  HttpServerResponse.jsonUnsafe({ success: true, message, data: { status: "ok" }, error: null, meta: noPage })

const failure = (status: number, code: FailureCode, message: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.jsonUnsafe(failureBody({ code, message }), { status, headers })

const unavailable = (message: string) => failure(503, "service_unavailable", message, { "retry-after": "1" })
