import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Timestamp } from "../Timestamp.ts"

const Check = Schema.Struct({
  status: Schema.Literals(["up", "down"]),
  /** How long the engine took to answer; null when it did not. */
  latency_ms: Schema.NullOr(Schema.Finite)
}).annotate({ identifier: "Check" })

/** How the service and each engine is doing. */
export const HealthBody = Schema.Struct({
  service: Schema.Literal("user-service"),
  status: Schema.Literals(["healthy", "degraded", "unhealthy"]),
  timestamp: Timestamp,
  version: Schema.String,
  uptime_seconds: Schema.Finite,
  response_time_ms: Schema.Finite,
  checks: Schema.Struct({ database: Check, cache: Check, broker: Check })
}).annotate({ identifier: "Health" })

const ProbeBody = Schema.Struct({ status: Schema.Literal("ok") })

const health = { success: success("Health check completed", HealthBody) }

/** For load balancers, orchestrators and people at 3 a.m. */
export class HealthApi extends HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("health", "/health", health),
  HttpApiEndpoint.get("usersHealth", "/api/v1/users/health/", health),
  HttpApiEndpoint.get("live", "/health/live", { success: success("The process answers", ProbeBody) }),
  HttpApiEndpoint.get("ready", "/health/ready", {
    success: success("Ready for requests", ProbeBody),
    error: Failures.ServiceUnavailable
  })
) {}
