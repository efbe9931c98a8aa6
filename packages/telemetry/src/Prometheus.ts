import type { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"

// Prometheus includes the unit in a metric's name, OpenTelemetry does not. All other metrics have Prometheus names already.
const units: Record<string, string> = { "http.server.request.duration": "seconds" }

/** All metrics of the process in Prometheus's text format. */
export const render: Effect.Effect<string> = PrometheusMetrics.format({
  metricNameMapper: (name) => (Object.hasOwn(units, name) ? `${name}.${units[name]}` : name)
})
