import { Cause, Clock, Duration, Effect, Fiber } from "effect"

/** A fiber and its deadline, in milliseconds of the clock. */
interface Entry {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly deadline: number
  isOverdue: boolean
}

/**
 * Makes a function that interrupts an effect after `timeout` and returns `fallback` instead. One fiber watches all effects, whose
 * deadlines are in the order of their starts: a fiber and a timer per request would cost more than most requests.
 */
export const make = Effect.fnUntraced(function* (timeout: Duration.Duration) {
  const millis = Duration.toMillis(timeout)
  const entries = new Set<Entry>()

  const takeOverdue = (now: number): ReadonlyArray<Fiber.Fiber<unknown, unknown>> => {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const entry of entries) {
      if (entry.deadline > now) break
      entries.delete(entry)
      entry.isOverdue = true
      fibers.push(entry.fiber)
    }
    return fibers
  }
  const untilNext = (now: number): number => {
    const [first] = entries
    // Requests that arrive later have later deadlines.
    return first === undefined ? millis : first.deadline - now
  }
  const watch = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const overdue = takeOverdue(now)
    // In its own fiber, because an interruption waits until the interrupted fibers have ended.
    if (overdue.length > 0) yield* Effect.forkChild(Fiber.interruptAll(overdue), { startImmediately: true })
    yield* Effect.sleep(untilNext(now))
  })
  yield* Effect.forkScoped(Effect.forever(watch))

  return <A, E, R>(self: Effect.Effect<A, E, R>, fallback: A): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      const entry: Entry = {
        fiber,
        deadline: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() + millis,
        isOverdue: false
      }
      entries.add(entry)
      return Effect.matchCauseEffect(self, {
        onSuccess: (answer) => {
          entries.delete(entry)
          return Effect.succeed(answer)
        },
        onFailure: (cause) => {
          entries.delete(entry)
          return entry.isOverdue && Cause.hasInterruptsOnly(cause) ? Effect.succeed(fallback) : Effect.failCause(cause)
        }
      })
    })
})
