import { Context, Effect, Layer } from "effect"

/** Whether this process is on its way out. */
export class Drain extends Context.Service<
  Drain,
  {
    readonly isDraining: () => boolean
    readonly begin: Effect.Effect<void>
  }
>()("@user-service/worker/health/Drain") {
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

/** Says so first of all when the process is told to stop: to be provided with everything that stops after it. */
export const layerShutdown = Layer.effectDiscard(
  Effect.flatMap(Drain, (drain) =>
    Effect.addFinalizer(() => Effect.andThen(drain.begin, Effect.logInfo("Shutting down: finishing what is in hand")))
  )
)
