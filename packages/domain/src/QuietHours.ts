import type { LocalTime, Preferences } from "./Preferences.ts"
import { dayMillis, firstWhen, timeOfDay, type WallClock } from "./WallClock.ts"

/** When a user is not to be disturbed: from `start` up to but not including `end`, in milliseconds of their wall clock's day. */
export interface QuietHours {
  readonly start: number
  readonly end: number
}

const millisOf = (time: LocalTime): number =>
  ((Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))) * 60 + Number(time.slice(6, 8))) * 1000

/** The user's quiet hours; none where no window is set, or one of no length. */
export const quietHours = (
  preferences: Pick<Preferences, "doNotDisturbStart" | "doNotDisturbEnd">
): QuietHours | undefined => {
  const { doNotDisturbEnd: end, doNotDisturbStart: start } = preferences
  return start === null || end === null || start === end ? undefined : { start: millisOf(start), end: millisOf(end) }
}

// Over midnight when the end is the earlier one.
const isQuiet = ({ end, start }: QuietHours, time: number): boolean =>
  start < end ? start <= time && time < end : start <= time || time < end

/**
 * When quiet ends: the first instant from this one on at which the clock shows a time outside the window; this one where
 * it does already. What the clock shows is what counts: an end that it skips is where it lands behind it, and an hour
 * that it shows twice is quiet twice.
 */
export const quietUntil = (clock: WallClock, hours: QuietHours, instant: number): number =>
  firstWhen(clock, instant, (shown) => {
    const time = timeOfDay(shown)
    return isQuiet(hours, time) ? (hours.end - time + dayMillis) % dayMillis : 0
  })
