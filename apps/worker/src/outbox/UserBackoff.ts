import * as Backoff from "@user-service/domain/Backoff"
import type { UserId } from "@user-service/domain/User"
import { Clock, Duration, Effect, Schedule } from "effect"

/** Users with an event that the broker did not confirm. Their later events wait until it is published again. */
export interface UserBackoff {
  /** The users whose backoff is not over. */
  readonly users: Effect.Effect<ReadonlyArray<UserId>>
  /** Begins or prolongs a user's backoff, each time for longer. */
  readonly hold: (user: UserId) => Effect.Effect<void>
  /** Ends a user's backoff. */
  readonly release: (user: UserId) => void
}

interface Held {
  readonly until: number
  /** The delay after the next failure, which is at `now`. */
  readonly nextDelay: (now: number) => Effect.Effect<Duration.Duration>
}

const delays = Effect.map(
  Schedule.toStep(Backoff.schedule({ initial: "250 millis", cap: "15 seconds" })),
  (step): Held["nextDelay"] =>
    (now) =>
      Effect.map(Effect.orDie(step(now, undefined)), ([, delay]) => delay)
)

/** Holds at most `most` users. Unconfirmed events of any further user are published again in every round. */
export const make = (most: number): UserBackoff => {
  const held = new Map<UserId, Held>()

  const users = Effect.map(Clock.currentTimeMillis, (now) =>
    [...held].filter(([, { until }]) => until > now).map(([user]) => user)
  )
  const hold = Effect.fnUntraced(function* (user: UserId) {
    const known = held.get(user)
    if (known === undefined && held.size >= most) return
    const nextDelay = known?.nextDelay ?? (yield* delays)
    const now = yield* Clock.currentTimeMillis
    held.set(user, { until: now + Duration.toMillis(yield* nextDelay(now)), nextDelay })
  })
  return { users, hold, release: (user) => void held.delete(user) }
}
