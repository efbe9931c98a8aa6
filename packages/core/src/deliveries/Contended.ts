import { Data, Effect } from "effect"

/** Another transaction wrote the same meanwhile: start again, and see what it wrote. */
export class Contended extends Data.TaggedError("Contended")<{}> {}

const isContended = (error: unknown): error is Contended => error instanceof Contended

// Each time somebody else was done, so it ends by itself; what does not is a mistake of ours.
const times = 100

/** Starts again for as long as that is so. */
export const untilUncontended = <A, E, R>(change: Effect.Effect<A, E | Contended, R>) =>
  change.pipe(Effect.retry({ while: isContended, times }), Effect.catchIf(isContended, Effect.die))
