import type { LocalTime, Preferences } from "./Preferences.ts"
import { dayMillis, firstWhen, timeOfDay, type WallClock } from "./WallClock.ts"

/** The quiet hours (do not disturb) from `start` to before `end`, in milliseconds of the user's local day. */
export interface QuietHours {
  readonly start: number
  readonly end: number
}

const millisOf = (time: LocalTime): number =>
  ((Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))) * 60 + Number(time.slice(6, 8))) * 1000

/** The user's quiet hours, or undefined if they are not set or empty. */
export const quietHours = (
  preferences: Pick<Preferences, "doNotDisturbStart" | "doNotDisturbEnd">
): QuietHours | undefined => {
  const { doNotDisturbEnd: end, doNotDisturbStart: start } = preferences
  return start === null || end === null || start === end ? undefined : { start: millisOf(start), end: millisOf(end) }
}

// Over midnight if the end is before the start.
const isQuiet = ({ end, start }: QuietHours, time: number): boolean =>
  start < end ? start <= time && time < end : start <= time || time < end

/**
 * The first instant, from this one on, at which the local time is outside the quiet hours. Daylight saving time: if the end is skipped, it
 * is the first time after the gap, and an hour that occurs twice is quiet twice.
 */
export const quietUntil = (clock: WallClock, hours: QuietHours, instant: number): number =>
  firstWhen(clock, instant, (shown) => {
    const time = timeOfDay(shown)
    return isQuiet(hours, time) ? (hours.end - time + dayMillis) % dayMillis : 0
  })
