/** A `Map` whose entries expire, at a time in milliseconds of the caller's clock. Never exceeds its capacity. */
export interface ExpiringMap<A> {
  readonly get: (key: string, now: number) => A | undefined
  readonly set: (key: string, value: A, expiresAt: number, now: number) => void
  readonly delete: (key: string) => void
  /** Replaces the value and keeps its expiry. Does nothing without an entry. */
  readonly update: (key: string, now: number, f: (value: A) => A) => void
  /** The milliseconds until the entry expires, 0 without an entry. */
  readonly remaining: (key: string, now: number) => number
}

// How many of the oldest entries are checked for expiry when a new one needs space. A constant bounds the cost of `set`.
const sweepSize = 8

export const make = <A>(capacity: number): ExpiringMap<A> => {
  const entries = new Map<string, { value: A; readonly expiresAt: number }>()

  const find = (key: string, now: number) => {
    const entry = entries.get(key)
    if (entry === undefined || entry.expiresAt > now) return entry
    entries.delete(key)
    return undefined
  }
  const evict = (now: number) => {
    let checked = 0
    for (const [key, entry] of entries) {
      if (entry.expiresAt <= now) entries.delete(key)
      if (++checked >= sweepSize) break
    }
    const [oldest] = entries.size >= capacity ? entries.keys() : []
    if (oldest !== undefined) entries.delete(oldest)
  }

  return {
    get: (key, now) => find(key, now)?.value,
    set: (key, value, expiresAt, now) => {
      // Deleted first, so that the map is in the order of the last write.
      entries.delete(key)
      if (entries.size >= capacity) evict(now)
      entries.set(key, { value, expiresAt })
    },
    delete: (key) => void entries.delete(key),
    update: (key, now, f) => {
      const entry = find(key, now)
      if (entry !== undefined) entry.value = f(entry.value)
    },
    remaining: (key, now) => Math.max(0, (find(key, now)?.expiresAt ?? now) - now)
  }
}
