import { Cause, Clock, Duration, Effect, type Fiber } from "effect"

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

  const interruptOverdue = (now: number) => {
    for (const one of waiting) {
      if (one.due > now) return one.due - now
      waiting.delete(one)
      one.isOverdue = true
      one.fiber.interruptUnsafe()
    }
    // Whatever begins from now on is due later than that.
    return millis
  }
  yield* Clock.currentTimeMillis.pipe(
    Effect.flatMap((now) => Effect.sleep(interruptOverdue(now))),
    Effect.forever,
    Effect.forkScoped
  )

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
