import type { UserId } from "@user-service/domain/User"
import { Clock, Effect, Random } from "effect"

/** Users with an event that the broker did not confirm. Their later events wait until it is published again. */
export interface UserBackoff {
  /** The users whose backoff is not over. */
  readonly users: Effect.Effect<ReadonlyArray<UserId>>
  /** Begins or prolongs a user's backoff, each time for longer. */
  readonly hold: (user: UserId) => Effect.Effect<void>
  /** Ends a user's backoff. */
  readonly release: (user: UserId) => void
}

const shortest = 250
const longest = 15_000

/** Holds at most `most` users. Unconfirmed events of any further user are published again in every round. */
export const make = (most: number): UserBackoff => {
  const held = new Map<UserId, { readonly until: number; readonly failures: number }>()

  const users = Effect.map(Clock.currentTimeMillis, (now) =>
    [...held].filter(([, { until }]) => until > now).map(([user]) => user)
  )
  const hold = Effect.fnUntraced(function* (user: UserId) {
    const known = held.get(user)
    if (known === undefined && held.size >= most) return
    const failures = (known?.failures ?? 0) + 1
    const wait = Math.min(longest, shortest * 2 ** (failures - 1)) * (yield* Random.nextBetween(0.5, 1))
    held.set(user, { until: (yield* Clock.currentTimeMillis) + wait, failures })
  })
  return { users, hold, release: (user) => void held.delete(user) }
}
