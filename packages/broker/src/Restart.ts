import * as Backoff from "@user-service/domain/Backoff"
import { Effect } from "effect"

const backoff = Backoff.schedule({ initial: "50 millis", cap: "3 seconds", resetAfter: "10 seconds" })

/** Restarts an effect whenever it fails, with backoff. The backoff starts over when a run has lasted ten seconds. */
export const restartOnFailure = <E, R>(
  run: Effect.Effect<never, E, R>,
  onFailure: (error: E) => Effect.Effect<void>
): Effect.Effect<never, never, R> => run.pipe(Effect.tapError(onFailure), Effect.retry(backoff), Effect.orDie)
