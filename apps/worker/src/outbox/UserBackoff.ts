import * as Backoff from "@user-service/domain/Backoff"
import type { UserId } from "@user-service/domain/User"
import { Clock, Duration, Effect, Schedule } from "effect"

/** Users with an event that the broker did not confirm. Their later events wait until that event is published again. */
export interface UserBackoff {
  /** The users whose backoff is not over. */
  readonly users: Effect.Effect<ReadonlyArray<UserId>>
  /** Begins or prolongs a user's backoff, each time for longer. */
  readonly hold: (user: UserId) => Effect.Effect<void>
  /** Ends a user's backoff. */
  readonly release: (user: UserId) => void
}

interface State {
  readonly until: number
  /** The delay after the next failure, which happens at `now`. */
  readonly nextDelay: (now: number) => Effect.Effect<Duration.Duration>
}

const delays = Effect.map(
  Schedule.toStep(Backoff.schedule({ initial: "250 millis", cap: "15 seconds" })),
  (step): State["nextDelay"] =>
    (now) =>
      Effect.map(Effect.orDie(step(now, undefined)), ([, delay]) => delay)
)

/** At most `maxUsers` have a backoff. Unconfirmed events of further users are published again in every turn. */
export const make = (maxUsers: number): UserBackoff => {
  const states = new Map<UserId, State>()

  const users = Effect.map(Clock.currentTimeMillis, (now) =>
    [...states].filter(([, { until }]) => until > now).map(([user]) => user)
  )
  const hold = Effect.fnUntraced(function* (user: UserId) {
    const known = states.get(user)
    if (known === undefined && states.size >= maxUsers) return
    const nextDelay = known?.nextDelay ?? (yield* delays)
    const now = yield* Clock.currentTimeMillis
    states.set(user, { until: now + Duration.toMillis(yield* nextDelay(now)), nextDelay })
  })
  return { users, hold, release: (user) => void states.delete(user) }
}
