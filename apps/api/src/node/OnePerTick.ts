import { Effect } from "effect"

/**
 * Resumes the fibers that wait for it one at a time, in their order, each in an event-loop turn of its own (decision 0012).
 * Used for requests that can wait: many of them in one turn would delay the answers of the engines, and new connections, of
 * which Node accepts one a turn.
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
