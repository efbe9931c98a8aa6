import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Context, type Effect } from "effect"

/** The text of `/metrics`: the metrics of this process, or of all processes that share the port (ClusterMetrics.ts). */
export const MetricsText = Context.Reference<Effect.Effect<string, ServiceUnavailable>>(
  "@user-service/api/health/MetricsText",
  { defaultValue: () => Prometheus.render }
)
