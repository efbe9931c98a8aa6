// The samples of the plots of the console (decision 0046).
import { BacklogSamples } from "@user-service/core/staff/BacklogSamples"
import { Duration, Effect, Layer } from "effect"
import { updateEvery } from "../GaugeUpdates.ts"

// Short enough that each minute has a sample, and that a backlog of seconds is mostly seen.
const interval = Duration.seconds(15)

/** Records what waits every 15 seconds, in each worker process. Minutes in which the database is away have no samples. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(BacklogSamples, (samples) => updateEvery(interval, samples.record))
).pipe(Layer.provide(BacklogSamples.layer))
