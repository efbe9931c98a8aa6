// The axes and texts of the plots (decision 0046).
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** The unit of the values of a plot. */
export type PlotUnit = "count" | "seconds"

const secondSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]

// 1, 2 or 5 times a power of ten.
const roundStep = (atLeast: number): number => {
  const power = 10 ** Math.floor(Math.log10(atLeast))
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= atLeast) ?? 10)
}

const stepFor = (unit: PlotUnit, highest: number, intervals: number): number => {
  const atLeast = Math.max(1, highest / intervals)
  const round = roundStep(atLeast)
  if (unit === "count") return round
  return secondSteps.find((step) => step >= atLeast) ?? 86_400 * roundStep(atLeast / 86_400)
}

/** The values on the vertical axis: whole numbers from 0 to at least `highest`, at round distances. */
export const valueTicks = (unit: PlotUnit, highest: number): ReadonlyArray<number> => {
  const step = stepFor(unit, highest, 4)
  const count = Math.max(1, Math.ceil(highest / step))
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}

const timeSteps = [
  minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
  30 * minute,
  hour,
  2 * hour,
  3 * hour,
  6 * hour,
  12 * hour,
  day,
  2 * day
]

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" })
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" })
const dayAndClock = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit"
})

export interface TimeTick {
  readonly at: number
  readonly label: string
}

/**
 * The times on the horizontal axis from `from` to `until`, in milliseconds: at most `most`, at round times of the day of the reader.
 */
export const timeTicks = (from: number, until: number, most: number): ReadonlyArray<TimeTick> => {
  const step = timeSteps.find((one) => (until - from) / one <= most) ?? 2 * day
  // The distance to UTC, so that a tick is at midnight of the reader. It may change within the plot.
  const localTime = (at: number) => at - new Date(at).getTimezoneOffset() * minute
  const first = Math.ceil(localTime(from) / step) * step - localTime(from) + from
  const ticks: Array<TimeTick> = []
  for (let at = first; at <= until; at += step) {
    ticks.push({ at, label: (step >= day || localTime(at) % day === 0 ? weekday : clock).format(at) })
  }
  return ticks
}

/** The time of an interval that begins at `at`. */
export const intervalText = (at: number, step: number): string =>
  step <= minute ? dayAndClock.format(at) : `${dayAndClock.format(at)} to ${clock.format(at + step)}`

const whole = new Intl.NumberFormat("en-GB")
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 })

const parts = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1]
] as const

/** A duration in its two largest units. */
export const durationText = (seconds: number): string => {
  const first = parts.findIndex(([, size]) => seconds >= size)
  if (first === -1) return "0 s"
  let left = Math.floor(seconds)
  return parts
    .slice(first, first + 2)
    .flatMap(([name, size]) => {
      const count = Math.floor(left / size)
      left -= count * size
      return count === 0 ? [] : [`${count} ${name}`]
    })
    .join(" ")
}

/** A value, as text. */
export const valueText = (unit: PlotUnit, value: number | null): string => {
  if (value === null) return "unknown"
  return unit === "seconds" ? durationText(value) : whole.format(value)
}

/** A value on the vertical axis. */
export const tickText = (unit: PlotUnit, value: number): string =>
  unit === "seconds" ? durationText(value) : value < 10_000 ? whole.format(value) : compact.format(value)

/** Runs of known values, as the first and the last index of each. */
export const runsOf = (values: ReadonlyArray<number | null>): ReadonlyArray<readonly [first: number, last: number]> => {
  const runs: Array<[first: number, last: number]> = []
  for (const [index, value] of values.entries()) {
    if (value === null) continue
    const run = runs.at(-1)
    if (run !== undefined && run[1] === index - 1) run[1] = index
    else runs.push([index, index])
  }
  return runs
}
