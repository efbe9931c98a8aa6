import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Timestamp } from "../Timestamp.ts"
import { describeOperation } from "./OperationDescription.ts"
import { IsProbe } from "./RouteFacts.ts"

const Check = Schema.Struct({
  status: Schema.Literals(["up", "down"]),
  latency_ms: Schema.NullOr(Schema.Finite).annotateKey({
    description: "The response time of the engine. Null if it did not answer."
  })
}).annotate({ identifier: "Check", description: "Whether the engine answers this process, and how fast." })

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
  description: "The health of the service and of each engine.",
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
  description: "The response of a successful probe.",
  examples: [{ status: "ok" }]
})

const health = { success: success("Health check completed", HealthBody) }
const report = {
  summary: "Read the health of the service",
  description:
    "Checks the database, the cache and the broker. The status is `unhealthy` if the database is unreachable, and `degraded` " +
    "if the cache or the broker is. The response describes the process that sends it: other processes have their own " +
    "connections and `uptime_seconds`. The HTTP status is always 200; a load balancer uses `/health/ready`."
}

/** Health checks and probes. */
export class HealthApi extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("health", "/health", health).annotateMerge(describeOperation({ id: "getHealth", ...report })),
    HttpApiEndpoint.get("usersHealth", "/api/v1/users/health/", health).annotateMerge(
      describeOperation({ id: "getUsersHealth", ...report })
    ),
    HttpApiEndpoint.get("live", "/health/live", { success: success("The process answers", ProbeBody) }).annotateMerge(
      describeOperation({
        id: "getLiveness",
        summary: "Whether the process answers",
        description:
          "Liveness: 200 while the process handles requests. It checks no engine, so that an orchestrator restarts a process " +
          "that hangs, but not one whose database is unreachable."
      })
    ),
    HttpApiEndpoint.get("ready", "/health/ready", {
      success: success("Ready for requests", ProbeBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      describeOperation({
        id: "getReadiness",
        summary: "Whether to send requests here",
        description:
          "Readiness: 200 while the process can serve requests. 503 while the database is unreachable, and during shutdown, " +
          "so that a load balancer sends requests elsewhere before the process ends."
      })
    )
  )
  .annotate(IsProbe, true)
  .annotateMerge(
    OpenApi.annotations({
      title: "Health",
      description:
        "Health checks for operators, load balancers and orchestrators. Each response describes the process that sends it."
    })
  ) {}
