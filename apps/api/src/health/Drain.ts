import { Context, type Duration, Effect, Layer } from "effect"

/** Whether this process is on its way out: it still answers, but load balancers should send it nothing new. */
export class Drain extends Context.Service<
  Drain,
  {
    readonly isDraining: () => boolean
    readonly begin: Effect.Effect<void>
  }
>()("@user-service/api/health/Drain") {
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
 * To be provided with the server, so that it is acquired last and released first: readiness flips, balancers have `notice`
 * to see it, and only then the server closes.
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
