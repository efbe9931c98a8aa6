import { Clock, Duration, Effect, Metric, Option } from "effect"
import type { Entry, Invalidation } from "./Cache.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import { refusals, type Store, tombstoneMillis } from "./Store.ts"

// A user's entry takes about 2 kB.
const capacity = 20_000

interface Kept {
  readonly version: number
  /** None in a tombstone. */
  readonly value: Option.Option<string>
}

export const make = Effect.sync((): Store => {
  const kept = ExpiringMap.make<Kept>(capacity)

  const getAt = (key: string, now: number): Option.Option<Entry> => {
    const found = kept.get(key, now)
    return found === undefined ? Option.none() : Option.map(found.value, (value) => ({ version: found.version, value }))
  }
  const setAt = (key: string, entry: Entry, timeToLive: Duration.Duration, now: number): boolean => {
    const found = kept.get(key, now)
    const stands =
      found !== undefined &&
      (Option.isSome(found.value) ? found.version >= entry.version : found.version > entry.version)
    if (!stands) {
      const millis = Math.max(1, Math.ceil(Duration.toMillis(timeToLive)))
      kept.set(key, { version: entry.version, value: Option.some(entry.value) }, now + millis, now)
    }
    return !stands
  }
  const invalidateAt = ({ key, version }: Invalidation, now: number) => {
    const found = kept.get(key, now)
    const stays =
      found !== undefined &&
      found.version >= version &&
      Option.isSome(found.value) &&
      kept.remaining(key, now) >= tombstoneMillis
    if (stays) return
    kept.set(
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
