import { Context, type Duration, Effect, Layer, Schema } from "effect"

/** Whether this process is shutting down. It still answers requests, but must get no new ones. */
export class Drain extends Context.Service<
  Drain,
  {
    readonly isDraining: () => boolean
    readonly begin: Effect.Effect<void>
  }
>()("@user-service/runtime/Drain") {
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

/** The process is shutting down and must get no new requests. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {
  override get message() {
    return "The process is shutting down"
  }
}

/** The readiness check: fails if the process is shutting down or the database does not answer. */
export const ready = Effect.fnUntraced(function* <E>(drain: Drain["Service"], database: Effect.Effect<unknown, E>) {
  if (drain.isDraining()) return yield* new ShuttingDown()
  yield* database
})

/**
 * On shutdown, makes the process not ready and waits for `notice`, so that load balancers notice it before anything closes. Provide it
 * with the services that stop afterwards: it must be acquired last and released first.
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
