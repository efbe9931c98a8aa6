import type { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"

// OpenTelemetry keeps the unit beside the name, Prometheus in it. All other names are Prometheus's already.
const units: Record<string, string> = { "http.server.request.duration": "seconds" }

/** Every metric of the process in Prometheus's text format. */
export const render: Effect.Effect<string> = PrometheusMetrics.format({
  metricNameMapper: (name) => (Object.hasOwn(units, name) ? `${name}.${units[name]}` : name)
})
