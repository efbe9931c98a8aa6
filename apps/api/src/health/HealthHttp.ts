import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { timestamp } from "@user-service/schema/Timestamp"
import * as Drain from "@user-service/runtime/Drain"
import { Clock, DateTime, Duration, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { EngineHealth } from "@user-service/runtime/EngineHealth"
import { version } from "@user-service/runtime/Version"

const roundToHundredths = (millis: number): number => Math.round(millis * 100) / 100

const check = <E>(ping: Effect.Effect<void, E>) =>
  Effect.timed(ping).pipe(
    Effect.match({
      onFailure: () => ({ status: "down" as const, latency_ms: null }),
      onSuccess: ([elapsed]) => ({ status: "up" as const, latency_ms: roundToHundredths(Duration.toMillis(elapsed)) })
    })
  )

/** {@link HealthApi}: the health of the engines, and whether this process is ready for requests. */
export const HealthHttp = HttpApiBuilder.group(
  UserServiceApi,
  "health",
  Effect.fn(function* (handlers) {
    const engines = yield* EngineHealth
    const drain = yield* Drain.Drain
    const started = yield* Clock.currentTimeMillis

    const health = Effect.fnUntraced(function* () {
      const [elapsed, checks] = yield* Effect.timed(
        Effect.all(
          { database: check(engines.database), cache: check(engines.cache), broker: check(engines.broker) },
          { concurrency: "unbounded" }
        )
      )
      const now = yield* DateTime.now
      const degraded = checks.cache.status === "down" || checks.broker.status === "down"
      return {
        service: "user-service" as const,
        status:
          checks.database.status === "down"
            ? ("unhealthy" as const)
            : degraded
              ? ("degraded" as const)
              : ("healthy" as const),
        timestamp: timestamp(now),
        version,
        uptime_seconds: Math.floor((DateTime.toEpochMillis(now) - started) / 1000),
        response_time_ms: roundToHundredths(Duration.toMillis(elapsed)),
        checks
      }
    })

    const ready = Effect.fnUntraced(function* () {
      yield* Effect.catchTag(Drain.ready(drain, engines.database), "ShuttingDown", () =>
        Effect.fail(new ServiceUnavailable({ what: "process, which is shutting down,", retryAfterSeconds: 5 }))
      )
      return { status: "ok" as const }
    })

    return handlers.handleAll({
      health,
      usersHealth: health,
      live: () => Effect.succeed({ status: "ok" as const }),
      ready
    })
  })
).pipe(narrowContext(EngineHealth, Drain.Drain))
