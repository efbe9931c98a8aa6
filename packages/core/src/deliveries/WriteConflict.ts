import { Data, Effect } from "effect"

/** A write conflict: another transaction has written the same rows since this one read them. */
export class WriteConflict extends Data.TaggedError("WriteConflict")<{}> {}

const isWriteConflict = (error: unknown): error is WriteConflict => error instanceof WriteConflict

// Each conflict means that another transaction has committed, so retries come to an end. A hundred of them are a defect.
const times = 100

/** The write conflict retry: runs the change again after each conflict, so that it reads the rows of the other transaction. */
export const retryOnConflict = <A, E, R>(change: Effect.Effect<A, E | WriteConflict, R>) =>
  change.pipe(Effect.retry({ while: isWriteConflict, times }), Effect.catchIf(isWriteConflict, Effect.die))
