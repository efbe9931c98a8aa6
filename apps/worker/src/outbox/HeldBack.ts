import type { UserId } from "@user-service/domain/User"
import { Clock, Effect, Random } from "effect"

/** Users of whom an event was not confirmed: their later ones wait until it is tried again. */
export interface HeldBack {
  /** Those whose time has not come yet. */
  readonly users: Effect.Effect<ReadonlyArray<UserId>>
  /** Once more, and so for longer than the last time. */
  readonly hold: (user: UserId) => Effect.Effect<void>
  readonly release: (user: UserId) => void
}

const shortest = 250
const longest = 15_000

/** Remembers `most` users; of more, what is not confirmed is tried again in every turn. */
export const make = (most: number): HeldBack => {
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
