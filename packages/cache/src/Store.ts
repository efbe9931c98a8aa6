import { type Duration, Effect, Metric, type Option } from "effect"
import type { Entry, Invalidation } from "./Cache.ts"

/** How long an invalidation is remembered: longer than any read that may have begun before it. */
export const tombstoneMillis = 60_000

/** The storage of a `Cache`. */
export interface Store {
  /** The current epoch, see Epoch.ts. Undefined while no entry may be used. */
  readonly epoch: () => number | undefined
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>>
  readonly get: (key: string) => Effect.Effect<Option.Option<Entry>>
  /** Stores the result of a load that began in this epoch. */
  readonly fill: (epoch: number, key: string, entry: Entry, timeToLive: Duration.Duration) => Effect.Effect<void>
  /** Stores a written value in the current epoch. */
  readonly set: (key: string, entry: Entry, timeToLive: Duration.Duration) => Effect.Effect<void>
  readonly invalidate: (entries: ReadonlyArray<Invalidation>) => Effect.Effect<void>
}

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

export const hits = counter("cache_hits_total", "Entries found")
export const misses = counter("cache_misses_total", "Entries not found")
export const refusals = counter(
  "cache_refused_total",
  "Entries refused because a newer version or an invalidation is stored"
)
export const failures = counter("cache_failures_total", "Reads and writes of the cache that failed")

/** Reports the counters from zero (decision 0036). */
export const startCounters = Effect.forEach([hits, misses, refusals, failures], (total) => Metric.update(total, 0), {
  discard: true
})
