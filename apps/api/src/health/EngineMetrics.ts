import { Effect, Layer, Metric } from "effect"
import { Engines } from "./Engines.ts"

const interval = "5 seconds"

const gauge = (engine: string) =>
  Metric.gauge("user_service_engine_up", { description: "1 while the engine answers, else 0", attributes: { engine } })

/** How each engine answers, as metrics, asked every five seconds. */
export const EngineMetrics = Layer.effectDiscard(
  Effect.gen(function* () {
    const engines = yield* Engines
    const observe = (engine: "database" | "cache" | "broker") =>
      Effect.flatMap(Effect.match(engines[engine], { onFailure: () => 0, onSuccess: () => 1 }), (up) =>
        Metric.update(gauge(engine), up)
      )
    yield* Effect.all([observe("database"), observe("cache"), observe("broker")], { concurrency: 3 }).pipe(
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
