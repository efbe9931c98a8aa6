import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Timestamp } from "../Timestamp.ts"
import { documented } from "./Documented.ts"
import { IsProbe } from "./RouteFacts.ts"

const Check = Schema.Struct({
  status: Schema.Literals(["up", "down"]),
  latency_ms: Schema.NullOr(Schema.Finite).annotateKey({
    description: "How long the engine took to answer; null when it did not."
  })
}).annotate({ identifier: "Check", description: "Whether an engine answers this process, and how fast." })

/** How the service and each engine is doing. */
const HealthBody = Schema.Struct({
  service: Schema.Literal("user-service"),
  status: Schema.Literals(["healthy", "degraded", "unhealthy"]),
  timestamp: Timestamp,
  version: Schema.String,
  uptime_seconds: Schema.Finite,
  response_time_ms: Schema.Finite,
  checks: Schema.Struct({ database: Check, cache: Check, broker: Check })
}).annotate({
  identifier: "Health",
  description: "How the service and each engine is doing.",
  examples: [
    {
      service: "user-service",
      status: "degraded",
      timestamp: "2026-11-24T10:02:00.000Z",
      version: "0.1.0",
      uptime_seconds: 93_600,
      response_time_ms: 2.41,
      checks: {
        database: { status: "up", latency_ms: 1.37 },
        cache: { status: "up", latency_ms: 0.42 },
        broker: { status: "down", latency_ms: null }
      }
    }
  ]
})

const ProbeBody = Schema.Struct({ status: Schema.Literal("ok") }).annotate({
  description: "The answer of a probe that succeeds.",
  examples: [{ status: "ok" }]
})

const health = { success: success("Health check completed", HealthBody) }
const report = {
  summary: "How the service is doing",
  description:
    "Asks the database, the cache and the broker, and says how each of them answers: `unhealthy` when the database is out of " +
    "reach, `degraded` when the cache or the broker is. The answer speaks for the process that gives it: where several serve, " +
    "each has its own connections and its own `uptime_seconds`, and the metrics tell of all of them. The HTTP status is 200 " +
    "whatever the content says: a load balancer asks `/health/ready` instead."
}

/** For load balancers, orchestrators and people at 3 a.m. */
export class HealthApi extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("health", "/health", health).annotateMerge(documented({ id: "getHealth", ...report })),
    HttpApiEndpoint.get("usersHealth", "/api/v1/users/health/", health).annotateMerge(
      documented({ id: "getUsersHealth", ...report })
    ),
    HttpApiEndpoint.get("live", "/health/live", { success: success("The process answers", ProbeBody) }).annotateMerge(
      documented({
        id: "getLiveness",
        summary: "Whether the process answers",
        description:
          "200 as long as the process that is asked can answer at all. It asks no engine, so that an orchestrator restarts " +
          "only a process that hangs, and not one whose database is away."
      })
    ),
    HttpApiEndpoint.get("ready", "/health/ready", {
      success: success("Ready for requests", ProbeBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      documented({
        id: "getReadiness",
        summary: "Whether to send requests here",
        description:
          "200 while the process that is asked can serve requests; 503 while it cannot reach the database, and while it shuts " +
          "down, so that a load balancer sends requests elsewhere before the process ends."
      })
    )
  )
  .annotate(IsProbe, true)
  .annotateMerge(
    OpenApi.annotations({
      title: "Health",
      description:
        "For load balancers, orchestrators and people at 3 a.m. Each answer speaks for the process that gives it."
    })
  ) {}
