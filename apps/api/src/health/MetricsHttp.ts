import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { failure } from "../endpoints/Answers.ts"
import { EdgeSettings } from "../edge/EdgeSettings.ts"
import { CurrentFacts } from "../edge/RequestFacts.ts"
import { MetricsText } from "./MetricsText.ts"

/** `/metrics`, for who knows `METRICS_TOKEN` where one is set. */
export const MetricsHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { metricsToken } = yield* EdgeSettings
    const refusals = yield* CredentialRefusals
    const metrics = yield* MetricsText

    yield* router.add(
      "GET",
      "/metrics",
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { authorization } = request.headers
        if (!Prometheus.permits(metricsToken, authorization)) {
          if (authorization !== undefined) {
            const { origin } = yield* CurrentFacts
            yield* refusals.record({ event: "metrics_token_refused", reason: "unknown", ip: origin.ip })
          }
          return failure(401, "authentication_required", "The metrics token is required", {
            "www-authenticate": `Bearer realm="metrics"`
          })
        }
        return yield* Effect.match(metrics, {
          onFailure: ({ message, retryAfterSeconds }) =>
            failure(503, "service_unavailable", message, { "retry-after": String(retryAfterSeconds) }),
          onSuccess: (text) => HttpServerResponse.text(text, { contentType: Prometheus.contentType })
        })
      })
    )
  })
)
