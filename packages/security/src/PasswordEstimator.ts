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
 * Estimates how many guesses a new password withstands, by zxcvbn, in a separate thread. The thread starts with the first estimate, so
 * the dictionaries do not slow down the start of the process, and estimates block neither the event loop nor the hashes.
 */
export class PasswordEstimator extends Context.Service<
  PasswordEstimator,
  {
    /**
     * The number of guesses that an attacker needs who knows the `words` of the account. Fails immediately with
     * `ServiceUnavailable` when `queueSize` estimates are waiting.
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
      const { niceness, queueSize } = yield* PasswordSettings
      yield* Metric.update(refusals, 0)
      const pool = yield* WorkerPool.make<EstimateJob, Estimate>({
        worker: "estimate-worker",
        size: 1,
        queueSize,
        niceness,
        onDepth: () => {},
        // The dictionaries take 30 MB. Without a limit V8 would keep four times as much garbage.
        resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }
      })
      const refuse = WorkerPool.refuse("password estimation", refusals)
      const estimate = (job: EstimateJob) =>
        Effect.acquireUseRelease(
          pool.enterQueue,
          () => pool.run(job),
          () => pool.leaveQueue
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
