import type { EngineUnusable } from "@user-service/domain/EngineUnusable"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Metric, type Scope } from "effect"

/** How each engine answers. */
export class EngineHealth extends Context.Service<
  EngineHealth,
  {
    /** Fails within a second where statements do not work, and logs why. */
    readonly database: Effect.Effect<void, ServiceUnavailable>
    /** Each fails within a second, with the reason, when its engine is out of reach; an embedded one always answers. */
    readonly cache: Effect.Effect<void, EngineUnusable>
    readonly broker: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/runtime/EngineHealth") {}

/** Fails for the first of `required` that does not answer, with the reason: for a start that is worth nothing without it. */
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

/** How each engine answers, as metrics, asked every five seconds for as long as the scope. */
export const observe = ({
  broker,
  cache,
  database
}: EngineHealth["Service"]): Effect.Effect<void, never, Scope.Scope> =>
  Effect.all([measure("database", database), measure("cache", cache), measure("broker", broker)], {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.andThen(Effect.sleep(interval)), Effect.forever, Effect.forkScoped, Effect.asVoid)
