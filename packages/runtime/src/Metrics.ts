import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, type Option, type Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { permits } from "./MetricsToken.ts"

// Prometheus's text format.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

export interface MetricsOptions<R> {
  /** The required bearer token. None makes the metrics public. */
  readonly token: Option.Option<Redacted.Redacted<string>>
  /** The metrics in Prometheus's text format. */
  readonly text: Effect.Effect<string, ServiceUnavailable>
  /** Records a wrong token. */
  readonly recordRefusal: Effect.Effect<void, never, R>
  /** Builds a failure response in the program's format. */
  readonly failure: (
    status: number,
    code: "authentication_required" | "service_unavailable",
    message: string,
    headers: Readonly<Record<string, string>>
  ) => HttpServerResponse.HttpServerResponse
}

/** The response to `GET /metrics`. */
export const respond = Effect.fnUntraced(function* <R>({ failure, recordRefusal, text, token }: MetricsOptions<R>) {
  const { authorization } = (yield* HttpServerRequest.HttpServerRequest).headers
  if (!permits(token, authorization)) {
    if (authorization !== undefined) yield* recordRefusal
    return failure(401, "authentication_required", "The metrics token is required", {
      "www-authenticate": `Bearer realm="metrics"`
    })
  }
  return yield* Effect.match(text, {
    onFailure: ({ message, retryAfterSeconds }) =>
      failure(503, "service_unavailable", message, { "retry-after": String(retryAfterSeconds) }),
    onSuccess: (metrics) => HttpServerResponse.text(metrics, { contentType })
  })
})
