import { Cause, Data, Effect, Schedule } from "effect"

/** A turn of a relay published nothing. The reason is in the log. */
export class TurnFailed extends Data.TaggedError("TurnFailed")<{}> {}

export interface TurnMessages {
  /** Logged once at the first failure of an outage. */
  readonly outage: string
  /** Logged for each defect, which does not end the relay. */
  readonly defect: string
}

/** Logs why a turn fails, and fails with `TurnFailed` for the schedule that retries it. */
export const attempt =
  ({ defect, outage }: TurnMessages) =>
  <A, E extends { readonly message: string }, R>(turn: Effect.Effect<A, E, R>) =>
    turn.pipe(
      Effect.catch(({ message: reason }) => Effect.andThen(warnOnce(outage, reason), Effect.fail(new TurnFailed()))),
      Effect.catchCauseIf(
        (cause) => !Cause.hasFails(cause) && !Cause.hasInterrupts(cause),
        (cause) => Effect.andThen(Effect.logError(defect, cause), Effect.fail(new TurnFailed()))
      )
    )

const warnOnce = (outage: string, reason: string) =>
  Effect.flatMap(Schedule.CurrentMetadata, ({ attempt: retries }) =>
    retries === 0 ? Effect.annotateLogs(Effect.logWarning(outage), { reason }) : Effect.void
  )
