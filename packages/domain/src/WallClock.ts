import { DateTime, Option } from "effect"

/** A period, up to but excluding `end`, in which the local time is constantly `offset` milliseconds ahead of UTC. */
interface OffsetPeriod {
  readonly end: number
  readonly offset: number
}

// No zone has changed its offset twice in one UTC day.
type Day = readonly [OffsetPeriod] | readonly [OffsetPeriod, OffsetPeriod]

/** The local time of a time zone. Instants are milliseconds since 1970 in UTC. */
export interface WallClock {
  /** The period that contains the instant, at most to the end of its UTC day. */
  readonly periodAt: (instant: number) => OffsetPeriod
}

export const dayMillis = 86_400_000

// How many zones are cached, and days of each: more than there are zone names, and days in the allowed range.
const maxClocks = 1000
const maxDays = 100

const clocks = new Map<string, WallClock>()

/**
 * The local time of an IANA time zone, or UTC if the runtime does not know the zone. Caches the offsets of each day, because `Intl` takes
 * microseconds per call, and a hundred times that to create a formatter.
 */
export const wallClock = (zone: string): WallClock => {
  const cached = clocks.get(zone)
  if (cached !== undefined) return cached
  const created = make(Option.getOrElse(DateTime.zoneMakeNamed(zone), () => DateTime.zoneMakeOffset(0)))
  if (clocks.size >= maxClocks) clocks.clear()
  clocks.set(zone, created)
  return created
}

const make = (zone: DateTime.TimeZone): WallClock => {
  const days = new Map<number, Day>()
  return {
    periodAt: (instant) => {
      const number = Math.floor(instant / dayMillis)
      const cached = days.get(number)
      const day = cached ?? dayFrom(zone, number * dayMillis)
      if (cached === undefined) {
        if (days.size >= maxDays) days.clear()
        days.set(number, day)
      }
      const [first, second = first] = day
      return instant < first.end ? first : second
    }
  }
}

const dayFrom = (zone: DateTime.TimeZone, start: number): Day => {
  const end = start + dayMillis
  const before = offsetAt(zone, start)
  const after = offsetAt(zone, end)
  if (before === after) return [{ end, offset: before }]
  let [unchanged, changed] = [start, end]
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2)
    if (offsetAt(zone, middle) === before) unchanged = middle
    else changed = middle
  }
  return [
    { end: changed, offset: before },
    { end, offset: after }
  ]
}

const offsetAt = (zone: DateTime.TimeZone, instant: number): number =>
  DateTime.zonedOffset(DateTime.makeZonedUnsafe(instant, { timeZone: zone }))

/**
 * The first instant, from this one on, at which the local time meets a condition. `remaining` returns the milliseconds from a local time
 * (in milliseconds since 1970, as if it were UTC) to the condition, assuming a constant offset. 0 if it is met.
 */
export const firstWhen = (clock: WallClock, instant: number, remaining: (localMillis: number) => number): number => {
  for (let from = instant; ;) {
    const { end, offset } = clock.periodAt(from)
    const reached = from + remaining(from + offset)
    if (reached < end) return reached
    from = end
  }
}

/** How far the local time is ahead of UTC, in minutes. */
export const offsetMinutes = (clock: WallClock, instant: number): number =>
  Math.round(clock.periodAt(instant).offset / 60_000)

const dayNumber = (localMillis: number): number => Math.floor(localMillis / dayMillis)

/** The time of day of a local time, in milliseconds. */
export const timeOfDay = (localMillis: number): number => localMillis - dayNumber(localMillis) * dayMillis

/** The local date, as `YYYY-MM-DD`. */
export const localDay = (clock: WallClock, instant: number): string =>
  DateTime.formatIsoDateUtc(DateTime.makeUnsafe(instant + clock.periodAt(instant).offset))

/** The start of the next local day: midnight, or the first time after it if midnight is skipped. */
export const nextMidnight = (clock: WallClock, instant: number): number => {
  const tomorrow = (dayNumber(instant + clock.periodAt(instant).offset) + 1) * dayMillis
  return firstWhen(clock, instant, (localMillis) => Math.max(0, tomorrow - localMillis))
}
