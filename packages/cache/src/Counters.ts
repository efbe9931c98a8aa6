// The counters of fixed-window limits (decision 0008).
import { Effect } from "effect"
import * as ExpiringMap from "./ExpiringMap.ts"

/** The result of an attempt. `count` includes the attempt; it exceeds the limit if the attempt was refused. */
export type Hit = readonly [count: number, millisLeft: number]

/** Counts attempts per bucket in fixed windows. The engine under `RateLimits`. */
export interface Counters {
  readonly hit: (key: string, limit: number, windowMillis: number) => Effect.Effect<Hit>
  readonly clear: (key: string) => Effect.Effect<void>
  readonly refund: (key: string) => Effect.Effect<void>
}

/** How many buckets a process stores, about 200 bytes each. */
export const capacity = 100_000

/** Counts in memory. */
export const makeMemory = (): Counters => {
  const counts = ExpiringMap.make<number>(capacity)
  return {
    hit: (key, limit, windowMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          const previous = counts.get(key, now)
          if (previous === undefined) counts.set(key, 1, now + windowMillis, now)
          else if (previous < limit) counts.update(key, now, (count) => count + 1)
          return [(previous ?? 0) + 1, counts.remaining(key, now)] as const
        })
      ),
    clear: (key) => Effect.sync(() => counts.delete(key)),
    refund: (key) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => counts.update(key, clock.currentTimeMillisUnsafe(), (count) => Math.max(0, count - 1)))
      )
  }
}
