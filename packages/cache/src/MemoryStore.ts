import { Clock, Duration, Effect, Metric, Option } from "effect"
import type { Entry, Invalidation } from "./Cache.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import { refusals, type Store, tombstoneMillis } from "./Store.ts"

// A user's entry takes about 2 kB.
const capacity = 20_000

interface StoredEntry {
  readonly version: number
  /** None for a tombstone. */
  readonly value: Option.Option<string>
}

export const make = Effect.sync((): Store => {
  const stored = ExpiringMap.make<StoredEntry>(capacity)

  const getAt = (key: string, now: number): Option.Option<Entry> => {
    const found = stored.get(key, now)
    return found === undefined ? Option.none() : Option.map(found.value, (value) => ({ version: found.version, value }))
  }
  const setAt = (key: string, entry: Entry, timeToLive: Duration.Duration, now: number): boolean => {
    const found = stored.get(key, now)
    const isCurrent =
      found !== undefined &&
      (Option.isSome(found.value) ? found.version >= entry.version : found.version > entry.version)
    if (!isCurrent) {
      const millis = Math.max(1, Math.ceil(Duration.toMillis(timeToLive)))
      stored.set(key, { version: entry.version, value: Option.some(entry.value) }, now + millis, now)
    }
    return !isCurrent
  }
  const invalidateAt = ({ key, version }: Invalidation, now: number) => {
    const found = stored.get(key, now)
    const isKept =
      found !== undefined &&
      found.version >= version &&
      Option.isSome(found.value) &&
      stored.remaining(key, now) >= tombstoneMillis
    if (isKept) return
    stored.set(
      key,
      { version: Math.max(version, found?.version ?? version), value: Option.none() },
      now + tombstoneMillis,
      now
    )
  }

  const set: Store["set"] = (key, entry, timeToLive) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      setAt(key, entry, timeToLive, now) ? Effect.void : Metric.update(refusals, 1)
    )
  return {
    epoch: () => 0,
    get: (key) => Effect.map(Clock.currentTimeMillis, (now) => getAt(key, now)),
    getMany: (keys) => Effect.map(Clock.currentTimeMillis, (now) => keys.map((key) => getAt(key, now))),
    fill: (_epoch, key, entry, timeToLive) => set(key, entry, timeToLive),
    set,
    invalidate: (entries) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        for (const entry of entries) invalidateAt(entry, now)
      })
  }
})
