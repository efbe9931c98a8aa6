import { Context, type Duration, Effect, Layer } from "effect"

/** Whether this process is on its way out: it still answers, but is to be given nothing new. */
export class Drain extends Context.Service<
  Drain,
  {
    readonly isDraining: () => boolean
    readonly begin: Effect.Effect<void>
  }
>()("@user-service/telemetry/Drain") {
  static readonly layer = Layer.sync(Drain, () => {
    let draining = false
    return {
      isDraining: () => draining,
      begin: Effect.sync(() => {
        draining = true
      })
    }
  })
}

/**
 * To be provided with whatever is to stop after it, so that it is acquired last and released first: readiness flips, and
 * only once balancers have had `notice` to see it the rest begins to close.
 */
export const layerShutdown = (settings: { readonly notice: Duration.Duration }) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const drain = yield* Drain
      yield* Effect.addFinalizer(() =>
        Effect.logInfo("Shutting down: no longer ready").pipe(
          Effect.andThen(drain.begin),
          Effect.andThen(Effect.sleep(settings.notice))
        )
      )
    })
  )
