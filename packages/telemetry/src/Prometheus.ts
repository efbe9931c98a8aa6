import { type Effect, Option, Redacted } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { hash, timingSafeEqual } from "node:crypto"

/** The media type of what {@link render} gives. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

// OpenTelemetry keeps the unit beside the name, Prometheus in it. All other names are Prometheus's already.
const units: Record<string, string> = { "http.server.request.duration": "seconds" }

/** Every metric of the process in Prometheus's text format. */
export const render: Effect.Effect<string> = PrometheusMetrics.format({
  metricNameMapper: (name) => (Object.hasOwn(units, name) ? `${name}.${units[name]}` : name)
})

const digest = (text: string) => hash("sha256", text, "buffer")

/**
 * Whether an `Authorization` header lets its sender see the metrics: it has the token as a bearer's, or there is none. Takes
 * a time that does not tell how much of a guess was right.
 */
export const permits = (token: Option.Option<Redacted.Redacted<string>>, authorization: string | undefined): boolean =>
  Option.isNone(token) || timingSafeEqual(digest(authorization ?? ""), digest(`Bearer ${Redacted.value(token.value)}`))
