import { Cause, Clock, Duration, Effect, Fiber } from "effect"

/** A fiber, and until when it may go on, in milliseconds of the clock. */
interface Waiting {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly due: number
  isOverdue: boolean
}

/**
 * Gives each effect it is put around `allowed`, then interrupts it and answers `instead`. One fiber watches over them all,
 * as they are due in the order they began: a fiber and a timer each would cost more than most requests do.
 */
export const make = Effect.fnUntraced(function* (allowed: Duration.Duration) {
  const millis = Duration.toMillis(allowed)
  const waiting = new Set<Waiting>()

  const takeOverdue = (now: number): ReadonlyArray<Fiber.Fiber<unknown, unknown>> => {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const one of waiting) {
      if (one.due > now) break
      waiting.delete(one)
      one.isOverdue = true
      fibers.push(one.fiber)
    }
    return fibers
  }
  const untilNext = (now: number): number => {
    const [first] = waiting
    // Requests that arrive from now on are due later than that.
    return first === undefined ? millis : first.due - now
  }
  const watch = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const overdue = takeOverdue(now)
    // In a fiber of its own, because an interruption waits for the end of what it interrupts.
    if (overdue.length > 0) yield* Effect.forkChild(Fiber.interruptAll(overdue), { startImmediately: true })
    yield* Effect.sleep(untilNext(now))
  })
  yield* Effect.forkScoped(Effect.forever(watch))

  return <A, E, R>(self: Effect.Effect<A, E, R>, instead: A): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      const one: Waiting = {
        fiber,
        due: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() + millis,
        isOverdue: false
      }
      waiting.add(one)
      return Effect.matchCauseEffect(self, {
        onSuccess: (answer) => {
          waiting.delete(one)
          return Effect.succeed(answer)
        },
        onFailure: (cause) => {
          waiting.delete(one)
          return one.isOverdue && Cause.hasInterruptsOnly(cause) ? Effect.succeed(instead) : Effect.failCause(cause)
        }
      })
    })
})
