import type { DateTime } from "effect"

/** The seconds since the time, 0 without a time. At least 0: the clocks of two processes may differ. */
export const secondsSince = (time: DateTime.Utc | null, now: DateTime.Utc): number =>
  time === null ? 0 : Math.max(0, (now.epochMilliseconds - time.epochMilliseconds) / 1000)
