import { Context, Duration, Effect, Fiber, Latch, Option, Schedule, type Scope } from "effect"

/** Whether the scope is closing. */
export interface Stopping {
  readonly isStopping: () => boolean
  /** Runs the effect, or gives it up once the scope is closing, for nothing. For what waits, and holds nothing. */
  readonly orStop: <A>(wait: Effect.Effect<A>) => Effect.Effect<Option.Option<A>>
  /** The same delays, until the scope is closing: that ends a delay, and the schedule. */
  readonly untilStop: <A>(schedule: Schedule.Schedule<A>) => Schedule.Schedule<A>
}

/** How the work stops. */
export class StoppingSettings extends Context.Service<
  StoppingSettings,
  {
    /** How long what is in hand may take to be finished, before it is cut off. */
    readonly finishWithin: Duration.Duration
  }
>()("@user-service/worker/Stopping/StoppingSettings") {}

/**
 * Runs loops in the background that end by themselves, at a point of their own choosing, when the scope closes; that waits
 * for them.
 */
export const fork = (
  loops: ReadonlyArray<(stopping: Stopping) => Effect.Effect<void>>
): Effect.Effect<void, never, Scope.Scope | StoppingSettings> =>
  Effect.gen(function* () {
    const { finishWithin } = yield* StoppingSettings
    const latch = Latch.makeUnsafe()
    const isStopping = () => latch.isOpen()
    const orStop: Stopping["orStop"] = (wait) =>
      Effect.raceFirst(Effect.asSome(wait), Effect.as(latch.await, Option.none()))
    const untilStop: Stopping["untilStop"] = (schedule) =>
      schedule.pipe(
        // The delay is waited for here, since a schedule has no way to cut one short.
        Schedule.modifyDelay(({ duration }) => Effect.as(orStop(Effect.sleep(duration)), Duration.zero)),
        Schedule.while(() => !isStopping())
      )
    const stopping = { isStopping, orStop, untilStop }
    const fibers = yield* Effect.forEach(loops, (loop) => Effect.forkScoped(loop(stopping)))
    // After the forks, and so before they would be interrupted.
    yield* Effect.addFinalizer(() =>
      Effect.andThen(latch.open, Effect.timeoutOption(Fiber.awaitAll(fibers), finishWithin))
    )
  })
