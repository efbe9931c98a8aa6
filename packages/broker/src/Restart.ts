import * as Backoff from "@user-service/domain/Backoff"
import { Effect } from "effect"

const backoff = Backoff.schedule({ initial: "50 millis", cap: "3 seconds", resetAfter: "10 seconds" })

/** Runs again, with backoff, what ends only by failing. A failure after ten seconds counts as the first. */
export const forever = <E, R>(
  run: Effect.Effect<never, E, R>,
  onFailure: (error: E) => Effect.Effect<void>
): Effect.Effect<never, never, R> => run.pipe(Effect.tapError(onFailure), Effect.retry(backoff), Effect.orDie)
