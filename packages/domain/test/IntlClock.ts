import { Schema } from "effect"

/**
 * What clocks show, asked of `Intl` at every minute: slow, and so simple that it is right. The model that what computes
 * with offsets is held against. All in whole minutes, as every offset of these years is.
 */
const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (zone: string): Intl.DateTimeFormat => {
  const known = formats.get(zone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })
  formats.set(zone, made)
  return made
}

export const minute = 60_000

/** `YYYY-MM-DD` and `HH:MM`. */
export const localDateTime = (zone: string, instant: number): readonly [date: string, time: string] => {
  const [date = "", time = ""] = formatOf(zone).format(instant).split(" ")
  return [date, time]
}

/** The first minute from this one on of which it is so. */
export const firstMinute = (instant: number, isSo: (instant: number) => boolean): number => {
  let at = instant
  while (!isSo(at)) at += minute
  return at
}

// The whole hours of some years in which the zone's clocks were changed.
const changes = (zone: string): ReadonlyArray<number> => {
  const found: Array<number> = []
  const hour = 60 * minute
  const ahead = (instant: number) => {
    const [date, time] = localDateTime(zone, instant)
    return Date.parse(`${date}T${time}Z`) - instant
  }
  for (let day = Date.UTC(2011, 0, 1); day < Date.UTC(2028, 0, 1); day += 24 * hour) {
    if (ahead(day) === ahead(day + 24 * hour)) continue
    for (let at = day; at < day + 24 * hour; at += hour) if (ahead(at) !== ahead(at + hour)) found.push(at)
  }
  return found
}

/** Zones of every kind of clock: none changed, changed at midnight, by half an hour, by two, by a day; odd offsets. */
const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Sao_Paulo",
  "America/St_Johns",
  "America/Havana",
  "America/Santiago",
  "Asia/Beirut",
  "Asia/Kathmandu",
  "Asia/Gaza",
  "Asia/Tehran",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Antarctica/Troll",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago"
] as const

const changed = new Map(zones.map((zone) => [zone, changes(zone)]))

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Minutes of a day. */
export const MinuteOfDay = between(0, 1439)

/** Minutes of the hours in which clocks are changed. */
export const MinuteOfNight = between(0, 240)

/** A minute of those years: any, or one near a change of the zone's clocks, as far as they are changed. */
export const Moment = Schema.Struct({
  zone: Schema.Literals(zones),
  nearChange: Schema.Boolean,
  which: between(0, 1000),
  away: between(-1600, 300),
  otherwise: between(Date.UTC(2011, 0, 1) / minute, Date.UTC(2028, 0, 1) / minute)
})

export const instantOf = ({ away, nearChange, otherwise, which, zone }: typeof Moment.Type): number => {
  const all = changed.get(zone) ?? []
  const change = nearChange ? all[which % Math.max(1, all.length)] : undefined
  return change === undefined ? otherwise * minute : change + away * minute
}

/** `HH:MM` */
export const clockTime = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`

/** Whether the time is in the window. Texts of one length are in the order of their times. */
export const isQuiet = (start: string, end: string, time: string): boolean =>
  end < start ? !(end <= time && time < start) : start <= time && time < end
