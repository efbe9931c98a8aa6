import { DateTime, Schema, SchemaTransformation } from "effect"

const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-]\d\d):(\d\d))$/u

const daysIn = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

const minutesADay = 24 * 60

// JavaScript's parsers accept 31 November as 1 December and 24:00 as the next day.
const isTime = (text: string): boolean => {
  const parts = pattern.exec(text)
  if (parts === null) return false
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, aheadHours = 0, aheadMinutes = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0))
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
  const isOffset = Math.abs(aheadHours) <= 23 && aheadMinutes <= 59
  if (!isDate || hour > 23 || minute > 59 || !isOffset) return false
  if (second < 60) return true
  const ahead = aheadHours * 60 + (/-\d\d:\d\d$/.test(text) ? -aheadMinutes : aheadMinutes)
  const utcMinute = (hour * 60 + minute - ahead + minutesADay) % minutesADay
  return second === 60 && utcMinute === minutesADay - 1
}

// Milliseconds since 1970 cannot represent a leap second, so it is read as the following second.
const instantOf = (text: string): DateTime.Utc => {
  const upper = text.toUpperCase()
  const isLeap = upper.startsWith(":60", "yyyy-mm-ddThh:mm".length)
  const instant = DateTime.makeUnsafe(isLeap ? upper.replace(":60", ":59") : upper)
  return isLeap ? DateTime.add(instant, { seconds: 1 }) : instant
}

// Four digits in UTC too, and not the year 0, which PostgreSQL does not support.
const hasYear = (time: DateTime.Utc): boolean => /^(?!0000)\d{4}-/.test(DateTime.formatIso(time))

/**
 * A time in RFC 3339 format with any offset, truncated to milliseconds. Invalid dates and 24:00 are refused. A leap second is allowed
 * only at the end of a UTC day.
 */
export const Rfc3339 = Schema.String.check(
  Schema.makeFilter(
    (text: string) => (isTime(text) && hasYear(instantOf(text))) || "Enter a valid time, as in RFC 3339.",
    {
      toJsonSchema: () => [{ pattern: pattern.source, format: "date-time" }, true]
    }
  )
).pipe(
  Schema.decodeTo(
    Schema.DateTimeUtc,
    SchemaTransformation.transform({ decode: instantOf, encode: (time) => DateTime.formatIso(time) })
  )
)
