import { DateTime, Option } from "effect"

/** A stretch of time over which a wall clock runs evenly, `offset` milliseconds ahead of UTC; `end` is no longer in it. */
interface Stretch {
  readonly end: number
  readonly offset: number
}

// No zone has changed its clocks twice in one day of UTC.
type Day = readonly [Stretch] | readonly [Stretch, Stretch]

/** What the clocks of a time zone show. Instants are milliseconds since 1970 in UTC. */
export interface WallClock {
  /** The stretch from this instant on. */
  readonly stretchAt: (instant: number) => Stretch
}

export const dayMillis = 86_400_000

// How many zones, and days of each, are remembered: more than there are names of zones, and days that may be asked for.
const maxClocks = 1000
const maxDays = 100

const clocks = new Map<string, WallClock>()

/**
 * The clock of a zone of the IANA database; one that this process does not know counts as UTC. Asking `Intl` takes some
 * microseconds and making one of its formatters a hundred times that, so what it said of a zone's day is remembered.
 */
export const wallClock = (zone: string): WallClock => {
  const known = clocks.get(zone)
  if (known !== undefined) return known
  const made = make(Option.getOrElse(DateTime.zoneMakeNamed(zone), () => DateTime.zoneMakeOffset(0)))
  if (clocks.size >= maxClocks) clocks.clear()
  clocks.set(zone, made)
  return made
}

const make = (zone: DateTime.TimeZone): WallClock => {
  const days = new Map<number, Day>()
  return {
    stretchAt: (instant) => {
      const number = Math.floor(instant / dayMillis)
      const known = days.get(number)
      const day = known ?? dayFrom(zone, number * dayMillis)
      if (known === undefined) {
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
 * The first instant from this one on at which the clock shows what is looked for. `remaining` says how long an even clock
 * would take from what it shows, in milliseconds since 1970 as if that were UTC; 0 where it is there.
 */
export const firstWhen = (clock: WallClock, instant: number, remaining: (shown: number) => number): number => {
  for (let from = instant; ;) {
    const { end, offset } = clock.stretchAt(from)
    const reached = from + remaining(from + offset)
    if (reached < end) return reached
    from = end
  }
}

const shownDay = (shown: number): number => Math.floor(shown / dayMillis)

/** The time of day that is shown, in milliseconds. */
export const timeOfDay = (shown: number): number => shown - shownDay(shown) * dayMillis

/** The date on the clock, as `YYYY-MM-DD`. */
export const localDay = (clock: WallClock, instant: number): string =>
  DateTime.formatIsoDateUtc(DateTime.makeUnsafe(instant + clock.stretchAt(instant).offset))

/** When the clock first shows a later date: midnight, or what it jumps to where there is none. */
export const nextMidnight = (clock: WallClock, instant: number): number => {
  const tomorrow = (shownDay(instant + clock.stretchAt(instant).offset) + 1) * dayMillis
  return firstWhen(clock, instant, (shown) => Math.max(0, tomorrow - shown))
}
