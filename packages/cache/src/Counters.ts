import { Effect } from "effect"
import * as ExpiringMap from "./ExpiringMap.ts"

/** What an attempt came to: the attempts in its window, itself included, above the limit where it was refused. */
export type Hit = readonly [count: number, millisLeft: number]

/** Counts attempts by bucket in fixed windows; see `RateLimits`, which is over one of these. */
export interface Counters {
  readonly hit: (key: string, limit: number, windowMillis: number) => Effect.Effect<Hit>
  readonly clear: (key: string) => Effect.Effect<void>
  readonly refund: (key: string) => Effect.Effect<void>
}

/** How many buckets a process keeps: one takes some 200 bytes. */
export const capacity = 100_000

/** Counts within the process. */
export const makeMemory = (): Counters => {
  const counts = ExpiringMap.make<number>(capacity)
  return {
    hit: (key, limit, windowMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          const counted = counts.get(key, now)
          if (counted === undefined) counts.set(key, 1, now + windowMillis, now)
          else if (counted < limit) counts.update(key, now, (count) => count + 1)
          return [(counted ?? 0) + 1, counts.remaining(key, now)] as const
        })
      ),
    clear: (key) => Effect.sync(() => counts.delete(key)),
    refund: (key) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => counts.update(key, clock.currentTimeMillisUnsafe(), (count) => Math.max(0, count - 1)))
      )
  }
}
