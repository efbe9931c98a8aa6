import { type Duration, Effect } from "effect"

/**
 * Repeats an update of gauges from the database, with `interval` between two, until the scope closes. The gauges keep their last
 * values while the database is unavailable.
 */
export const updateEvery = <E, R>(interval: Duration.Input, update: Effect.Effect<unknown, E, R>) =>
  update.pipe(Effect.ignore, Effect.andThen(Effect.sleep(interval)), Effect.forever, Effect.forkScoped)
