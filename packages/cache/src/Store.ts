import { type Duration, type Effect, Metric, type Option } from "effect"
import type { Entry, Invalidation } from "./Cache.ts"

/** How long an invalidation stands: longer than any read that may have begun before it. */
export const tombstoneMillis = 60_000

/** What keeps the entries of a `Cache`. */
export interface Store {
  /** What the entries read and kept now belong to. Undefined while none may be believed. */
  readonly epoch: () => number | undefined
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>>
  readonly get: (key: string) => Effect.Effect<Option.Option<Entry>>
  /** Keeps what a read found that began in this epoch. */
  readonly fill: (epoch: number, key: string, entry: Entry, timeToLive: Duration.Duration) => Effect.Effect<void>
  /** Keeps what a write made, in whichever epoch it is now. */
  readonly set: (key: string, entry: Entry, timeToLive: Duration.Duration) => Effect.Effect<void>
  readonly invalidate: (entries: ReadonlyArray<Invalidation>) => Effect.Effect<void>
}

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

export const hits = counter("cache_hits_total", "Entries found")
export const misses = counter("cache_misses_total", "Entries not found")
export const refusals = counter(
  "cache_refused_total",
  "Entries not kept, since a newer version or an invalidation stands"
)
export const failures = counter("cache_failures_total", "Reads and writes of the cache that failed")
