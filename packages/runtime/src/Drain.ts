import { Context, type Duration, Effect, Layer, Schema } from "effect"

/** Whether this process is on its way out: it still answers, but is to be given nothing new. */
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

/** The process is shutting down: it still answers, and must be given no new work. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {
  override get message() {
    return "The process is shutting down"
  }
}

/** Fails unless the process may be given work: it is not draining, and the database answers. */
export const ready = Effect.fnUntraced(function* <E>(drain: Drain["Service"], database: Effect.Effect<unknown, E>) {
  if (drain.isDraining()) return yield* new ShuttingDown()
  yield* database
})

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
