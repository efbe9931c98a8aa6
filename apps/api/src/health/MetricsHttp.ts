import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHash, timingSafeEqual } from "node:crypto"
import { failure } from "../http/Answers.ts"
import { EdgeSettings } from "../http/EdgeSettings.ts"

const digest = (text: string) => createHash("sha256").update(text).digest()

// In a time that does not tell how much of the guess was right.
const sameSecret = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected))

/** `/metrics`, for who knows `METRICS_TOKEN` where one is set. */
export const MetricsHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { metricsToken } = yield* EdgeSettings

    const isAllowed = (authorization: string | undefined): boolean =>
      Option.isNone(metricsToken) || sameSecret(authorization ?? "", `Bearer ${Redacted.value(metricsToken.value)}`)

    yield* router.add(
      "GET",
      "/metrics",
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        if (!isAllowed(request.headers["authorization"])) {
          return failure(401, "authentication_required", "The metrics token is required", {
            "www-authenticate": `Bearer realm="metrics"`
          })
        }
        return HttpServerResponse.text(yield* Prometheus.render, { contentType: Prometheus.contentType })
      })
    )
  })
)
