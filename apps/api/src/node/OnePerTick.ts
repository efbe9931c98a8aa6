import { Effect } from "effect"

/**
 * An effect that resumes one waiting fiber per event-loop turn, in order (decision 0012). Requests that are slow anyway wait for
 * it: many of them in one turn would delay the engines' answers, and new connections, of which Node accepts one per turn.
 */
export const make: Effect.Effect<Effect.Effect<void>> = Effect.sync(() => {
  const waiting = new Set<(next: Effect.Effect<void>) => void>()

  const resumeNext = (): void => {
    const [first] = waiting
    if (first === undefined) return
    waiting.delete(first)
    if (waiting.size > 0) setImmediate(resumeNext)
    first(Effect.void)
  }

  return Effect.callback<void>((resume) => {
    if (waiting.size === 0) setImmediate(resumeNext)
    waiting.add(resume)
    return Effect.sync(() => waiting.delete(resume))
  })
})
