import { Cause, type Duration, Effect, Ref } from "effect"

export interface PeriodicTask {
  /** What the task does, for the logs. */
  readonly name: string
  /** The time between the end of a run and the next one. */
  readonly interval: Duration.Input
}

/**
 * Runs a task until the scope closes. Neither failures nor defects end it. Failures are logged once in a row, because an outage of the
 * database fails every run; defects are logged each time.
 */
export const runPeriodically = <E extends { readonly message: string }, R>(
  { interval, name }: PeriodicTask,
  task: Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function* () {
    const isFailing = yield* Ref.make(false)

    const warn = ({ message: reason }: E) =>
      Effect.flatMap(Ref.getAndSet(isFailing, true), (wasFailing) =>
        wasFailing
          ? Effect.void
          : Effect.logWarning("A periodic task failed, and runs again").pipe(Effect.annotateLogs({ reason }))
      )

    const run = task.pipe(
      Effect.andThen(Ref.set(isFailing, false)),
      Effect.catch(warn),
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterrupts(cause),
        (cause) => Effect.logError("Unexpected error in a periodic task, which runs again", cause)
      ),
      Effect.annotateLogs({ task: name })
    )

    yield* run.pipe(Effect.andThen(Effect.sleep(interval)), Effect.forever, Effect.forkScoped)
  })
