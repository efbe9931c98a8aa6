import { Effect } from "effect"

/**
 * Lets those who come through it one at a time, in their order, each in a turn of the event loop of its own. For many
 * requests that can wait: in one turn they would keep all others from the engines' answers, and from being accepted, which
 * Node does with one connection a turn.
 */
export const make: Effect.Effect<Effect.Effect<void>> = Effect.sync(() => {
  const waiting = new Set<(next: Effect.Effect<void>) => void>()

  const turn = (): void => {
    const [first] = waiting
    if (first === undefined) return
    waiting.delete(first)
    if (waiting.size > 0) setImmediate(turn)
    first(Effect.void)
  }

  return Effect.callback<void>((resume) => {
    if (waiting.size === 0) setImmediate(turn)
    waiting.add(resume)
    return Effect.sync(() => waiting.delete(resume))
  })
})
