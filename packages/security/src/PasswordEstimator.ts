import { normalisePassword } from "@user-service/domain/Password"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer, Metric, Redacted } from "effect"
import type { Estimate, EstimateJob } from "./PasswordEstimate.ts"
import { PasswordSettings } from "./PasswordSettings.ts"
import * as WorkerPool from "./WorkerPool.ts"

const refusals = Metric.counter("password_estimates_refused_total", {
  description: "Estimates of new passwords refused because the queue was full",
  incremental: true
})
const duration = Metric.histogram("password_estimate_duration_seconds", {
  description: "Time the thread worked on the estimate of one new password, without the wait",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]
})

/**
 * How many guesses new passwords withstand, by zxcvbn. The dictionaries are in one thread of its own, which starts with the first
 * estimate: nothing is loaded at the start of the process, and nothing runs on the event loop or among the hashes.
 */
export class PasswordEstimator extends Context.Service<
  PasswordEstimator,
  {
    /**
     * The guesses that find the password, of somebody who knows the `words` of its owner. At most `queueSize` wait; the next
     * fails at once with `ServiceUnavailable`.
     */
    readonly guesses: (
      password: Redacted.Redacted<string>,
      words: ReadonlyArray<string>
    ) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/security/PasswordEstimator") {
  static readonly layer: Layer.Layer<PasswordEstimator, never, PasswordSettings> = Layer.effect(
    PasswordEstimator,
    Effect.gen(function* () {
      const { queueSize } = yield* PasswordSettings
      const pool = yield* WorkerPool.make<EstimateJob, Estimate>({
        worker: "estimate-worker",
        size: 1,
        queueSize,
        onDepth: () => {},
        // The dictionaries take 30 MB. Without a limit V8 lets four times as much garbage stand beside them.
        resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }
      })
      const refuse = WorkerPool.refuse("password estimation", refusals)
      const estimate = (job: EstimateJob) =>
        Effect.acquireUseRelease(
          pool.takePlace,
          () => pool.run(job),
          () => pool.leavePlace
        ).pipe(Effect.catch(refuse))
      return {
        guesses: Effect.fn("PasswordEstimator.guesses")(function* (
          password: Redacted.Redacted<string>,
          words: ReadonlyArray<string>
        ) {
          const { guesses, milliseconds } = yield* estimate({
            password: normalisePassword(Redacted.value(password)),
            words
          })
          yield* Metric.update(duration, milliseconds / 1000)
          return guesses
        })
      }
    })
  )
}
