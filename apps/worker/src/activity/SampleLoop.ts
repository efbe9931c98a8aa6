// The samples of the plots of the console (decision 0046).
import { BacklogSamples } from "@user-service/core/activity/BacklogSamples"
import { Duration, Effect, Layer } from "effect"
import { runPeriodically } from "../PeriodicTask.ts"

// Short enough that each minute has a sample, and that a backlog of seconds is mostly seen.
const task = { name: "samples of the backlogs", interval: Duration.seconds(15) } as const

/** Records the backlogs every 15 seconds, in each worker process. Minutes in which the database is away have no samples. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(BacklogSamples, (samples) => runPeriodically(task, samples.record))
).pipe(Layer.provide(BacklogSamples.layer))
