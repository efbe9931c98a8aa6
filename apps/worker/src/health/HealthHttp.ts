import { NodeHttpServerRequest } from "@effect/platform-node"
import { Storage } from "@user-service/database/Storage"
import { failureBody, type FailureCode, noPage } from "@user-service/schema/Envelope"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { routableUrl } from "@user-service/schema/http/Paths"
import * as Drain from "@user-service/runtime/Drain"
import * as Metrics from "@user-service/runtime/Metrics"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Cause, Effect, Layer, Option, type Redacted } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"

export interface HealthSettings {
  /** The bearer token that `/metrics` requires. Without it `/metrics` is public. */
  readonly metricsToken: Option.Option<Redacted.Redacted<string>>
}

/** All HTTP routes of the worker: the health probes and the metrics. */
export const routes = ({ metricsToken }: HealthSettings) =>
  Layer.mergeAll(live, ready, metrics(metricsToken), HttpRouter.middleware(answerFailures, { global: true }))

const live = HttpRouter.add(
  "GET",
  "/health/live",
  Effect.sync(() => ok("The process answers"))
)

const ready = HttpRouter.add(
  "GET",
  "/health/ready",
  Effect.gen(function* () {
    const drain = yield* Drain.Drain
    const storage = yield* Storage
    return yield* Effect.match(Drain.ready(drain, storage.probe), {
      onFailure: ({ message }) => unavailable(message),
      onSuccess: () => ok("Ready to work")
    })
  })
)

const recordRefusal = Effect.gen(function* () {
  const { record } = yield* CredentialRefusals
  const { peerAddress } = yield* HttpServerRequest.HttpServerRequest
  yield* record({ event: "metrics_token_refused", reason: "unknown", ip: Option.getOrNull(peerAddress) })
})

const metrics = (token: HealthSettings["metricsToken"]) =>
  HttpRouter.add("GET", "/metrics", Metrics.respond({ token, text: Prometheus.render, recordRefusal, failure }))

const answerFailures = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.updateService(app, HttpServerRequest.HttpServerRequest, byRoutableUrl).pipe(
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) =>
        isUnknownRoute(Cause.squash(cause))
          ? Effect.succeed(failure(404, "not_found", "There is nothing here"))
          : Effect.as(
              Effect.logError("Unexpected error while handling a request", cause),
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
