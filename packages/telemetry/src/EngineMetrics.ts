import { Effect, Metric, type Scope } from "effect"

const interval = "5 seconds"

const gauge = (engine: string) =>
  Metric.gauge("user_service_engine_up", { description: "1 while the engine answers, else 0", attributes: { engine } })

/** How each engine answers, as metrics, asked every five seconds for as long as the scope. */
export const observe = <E>(
  pings: Readonly<Record<string, Effect.Effect<unknown, E>>>
): Effect.Effect<void, never, Scope.Scope> => {
  const all = Object.entries(pings).map(([engine, ping]) =>
    Effect.flatMap(Effect.match(ping, { onFailure: () => 0, onSuccess: () => 1 }), (up) =>
      Metric.update(gauge(engine), up)
    )
  )
  return Effect.all(all, { concurrency: all.length, discard: true }).pipe(
    Effect.andThen(Effect.sleep(interval)),
    Effect.forever,
    Effect.forkScoped,
    Effect.asVoid
  )
}
