import { Effect, Latch } from "effect"

/** A place for one value that is replaced over time, such as the open connection. */
export interface Slot<A> {
  readonly current: () => A | undefined
  /** The value. Waits for it while the slot is empty. */
  readonly get: Effect.Effect<A>
  readonly put: (value: A) => void
  readonly empty: () => void
}

export const make = <A>(): Slot<A> => {
  const filled = Latch.makeUnsafe()
  let value: A | undefined

  const get: Effect.Effect<A> = Effect.suspend(() =>
    value === undefined ? Effect.andThen(filled.await, get) : Effect.succeed(value)
  )
  return {
    current: () => value,
    get,
    put: (next) => {
      value = next
      filled.openUnsafe()
    },
    empty: () => {
      value = undefined
      filled.closeUnsafe()
    }
  }
}
