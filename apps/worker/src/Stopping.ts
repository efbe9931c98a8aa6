import { type Duration, Effect, Fiber, Latch, Option, type Scope } from "effect"

/** Whether the scope is closing. */
export interface Stopping {
  readonly isStopping: () => boolean
  /** Runs the effect, or gives it up once the scope is closing, for nothing. For what waits, and holds nothing. */
  readonly orStop: <A>(wait: Effect.Effect<A>) => Effect.Effect<Option.Option<A>>
}

export interface StoppingSettings {
  /** How long what is in hand may take to be finished, before it is cut off. */
  readonly finishWithin: Duration.Duration
}

/**
 * Runs loops in the background that end by themselves, at a point of their own choosing, when the scope closes; that waits
 * for them.
 */
export const fork = (
  loops: ReadonlyArray<(stopping: Stopping) => Effect.Effect<void>>,
  { finishWithin }: StoppingSettings
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const latch = Latch.makeUnsafe()
    const stopping: Stopping = {
      isStopping: () => latch.isOpen(),
      orStop: (wait) => Effect.raceFirst(Effect.asSome(wait), Effect.as(latch.await, Option.none()))
    }
    const fibers = yield* Effect.forEach(loops, (loop) => Effect.forkScoped(loop(stopping)))
    // After the forks, and so before they would be interrupted.
    yield* Effect.addFinalizer(() =>
      Effect.andThen(latch.open, Effect.timeoutOption(Fiber.awaitAll(fibers), finishWithin))
    )
  })
