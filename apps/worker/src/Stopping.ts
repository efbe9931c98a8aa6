import { Context, Duration, Effect, Fiber, Latch, Option, Schedule, type Scope } from "effect"

/** Tells a loop that the scope is closing. */
export interface StopSignal {
  readonly isStopping: () => boolean
  /** Runs the effect and interrupts it when the scope is closing: then none. For effects that wait and hold no resource. */
  readonly orStop: <A>(wait: Effect.Effect<A>) => Effect.Effect<Option.Option<A>>
  /** The schedule, ended when the scope is closing, even within a delay. */
  readonly untilStop: <A>(schedule: Schedule.Schedule<A>) => Schedule.Schedule<A>
}

/** How the work stops. */
export class StoppingSettings extends Context.Service<
  StoppingSettings,
  {
    /** How long the work in progress may take before it is interrupted. */
    readonly finishWithin: Duration.Duration
  }
>()("@user-service/worker/Stopping/StoppingSettings") {}

/**
 * Runs loops in the background. When the scope closes, each ends at a point of its own choice, and the scope waits for them
 * for up to `finishWithin`.
 */
export const fork = (
  loops: ReadonlyArray<(signal: StopSignal) => Effect.Effect<void>>
): Effect.Effect<void, never, Scope.Scope | StoppingSettings> =>
  Effect.gen(function* () {
    const { finishWithin } = yield* StoppingSettings
    const latch = Latch.makeUnsafe()
    const isStopping = () => latch.isOpen()
    const orStop: StopSignal["orStop"] = (wait) =>
      Effect.raceFirst(Effect.asSome(wait), Effect.as(latch.await, Option.none()))
    const untilStop: StopSignal["untilStop"] = (schedule) =>
      schedule.pipe(
        // Waits here instead of in the schedule, which cannot interrupt a delay.
        Schedule.modifyDelay(({ duration }) => Effect.as(orStop(Effect.sleep(duration)), Duration.zero)),
        Schedule.while(() => !isStopping())
      )
    const signal = { isStopping, orStop, untilStop }
    const fibers = yield* Effect.forEach(loops, (loop) => Effect.forkScoped(loop(signal)))
    // Finalizers run in reverse order: this one runs before the fibers forked above are interrupted.
    yield* Effect.addFinalizer(() =>
      Effect.andThen(latch.open, Effect.timeoutOption(Fiber.awaitAll(fibers), finishWithin))
    )
  })
