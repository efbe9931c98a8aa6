/** A `Map` whose entries end at a time, in milliseconds of the clock the caller reads. Never holds more than its capacity. */
export interface ExpiringMap<A> {
  readonly get: (key: string, now: number) => A | undefined
  readonly set: (key: string, value: A, expiresAt: number, now: number) => void
  readonly delete: (key: string) => void
  /** Replaces the value and leaves the time it ends. Does nothing where none stands. */
  readonly update: (key: string, now: number, f: (value: A) => A) => void
  /** How long an entry still has, or 0 where none stands. */
  readonly remaining: (key: string, now: number) => number
}

// So many from the oldest end are looked at when room is made: enough to stay ahead of what comes in, a constant each time.
const swept = 8

export const make = <A>(capacity: number): ExpiringMap<A> => {
  const entries = new Map<string, { value: A; readonly expiresAt: number }>()

  const find = (key: string, now: number) => {
    const entry = entries.get(key)
    if (entry === undefined || entry.expiresAt > now) return entry
    entries.delete(key)
    return undefined
  }
  const makeRoom = (now: number) => {
    let looked = 0
    for (const [key, entry] of entries) {
      if (entry.expiresAt <= now) entries.delete(key)
      if (++looked >= swept) break
    }
    const [oldest] = entries.size >= capacity ? entries.keys() : []
    if (oldest !== undefined) entries.delete(oldest)
  }

  return {
    get: (key, now) => find(key, now)?.value,
    set: (key, value, expiresAt, now) => {
      // Anew, so that the order is that of the last writing.
      entries.delete(key)
      if (entries.size >= capacity) makeRoom(now)
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
