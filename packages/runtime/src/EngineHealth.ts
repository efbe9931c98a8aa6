import type { EngineUnusable } from "@user-service/domain/EngineUnusable"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Metric, type Scope } from "effect"

/** Health checks of the engines. */
export class EngineHealth extends Context.Service<
  EngineHealth,
  {
    /** Fails within a second if statements do not work, and logs the reason. */
    readonly database: Effect.Effect<void, ServiceUnavailable>
    /** Fails within a second, with the reason, if Redis is unreachable. Always succeeds in memory. */
    readonly cache: Effect.Effect<void, EngineUnusable>
    /** Fails within a second, with the reason, if RabbitMQ is unreachable. Always succeeds in memory. */
    readonly broker: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/runtime/EngineHealth") {}

/** Fails with the reason of the first required engine that does not answer. For a start that needs them. */
export const requireEngines = Effect.fnUntraced(function* (required: ReadonlyArray<"cache" | "broker">) {
  const engines = yield* EngineHealth
  for (const engine of required) yield* engines[engine]
})

const interval = "5 seconds"

const gauge = (engine: string) =>
  Metric.gauge("user_service_engine_up", { description: "1 while the engine answers, else 0", attributes: { engine } })

const measure = <E>(engine: string, ping: Effect.Effect<void, E>): Effect.Effect<void> =>
  Effect.flatMap(Effect.match(ping, { onFailure: () => 0, onSuccess: () => 1 }), (up) =>
    Metric.update(gauge(engine), up)
  )

/** Checks the engines every five seconds and updates their gauges, until the scope closes. */
export const observe = ({
  broker,
  cache,
  database
}: EngineHealth["Service"]): Effect.Effect<void, never, Scope.Scope> =>
  Effect.all([measure("database", database), measure("cache", cache), measure("broker", broker)], {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.andThen(Effect.sleep(interval)), Effect.forever, Effect.forkScoped, Effect.asVoid)
