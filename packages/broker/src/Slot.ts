import { Effect, Latch } from "effect"

/** Holds what comes and goes, for those who wait for it. */
export interface Slot<A> {
  readonly current: () => A | undefined
  /** Waits where it is empty. */
  readonly get: Effect.Effect<A>
  readonly put: (value: A) => void
  readonly empty: () => void
}

export const make = <A>(): Slot<A> => {
  const filled = Latch.makeUnsafe()
  let held: A | undefined

  const get: Effect.Effect<A> = Effect.suspend(() =>
    held === undefined ? Effect.andThen(filled.await, get) : Effect.succeed(held)
  )
  return {
    current: () => held,
    get,
    put: (value) => {
      held = value
      filled.openUnsafe()
    },
    empty: () => {
      held = undefined
      filled.closeUnsafe()
    }
  }
}
