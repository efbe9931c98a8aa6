import { assert, describe, it } from "@effect/vitest"
import { LocalTime } from "@user-service/domain/Preferences"
import { quietHours, quietUntil } from "@user-service/domain/QuietHours"
import { wallClock } from "@user-service/domain/WallClock"
import {
  clockTime,
  firstMinute,
  instantOf,
  isQuiet,
  MinuteOfDay,
  MinuteOfNight,
  Moment,
  localDateTime
} from "./IntlClock.ts"

const at = (text: string): number => Date.parse(text)
const iso = (instant: number): string => new Date(instant).toISOString()

const window = (start: string, end: string) =>
  quietHours({ doNotDisturbStart: LocalTime.make(`${start}:00`), doNotDisturbEnd: LocalTime.make(`${end}:00`) })

const holds = (zone: string, start: string, end: string, instant: number) => {
  const hours = window(start, end)
  if (hours === undefined) return assert.strictEqual(start, end)
  const expected = firstMinute(instant, (later) => !isQuiet(start, end, localDateTime(zone, later)[1]))
  assert.strictEqual(iso(quietUntil(wallClock(zone), hours, instant)), iso(expected))
}

describe("quietUntil", () => {
  it.prop(
    "is the first minute at which the local time of the user is outside the window",
    [Moment, MinuteOfDay, MinuteOfDay],
    ([moment, start, end]) => holds(moment.zone, clockTime(start), clockTime(end), instantOf(moment)),
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "is the first such minute also for windows that begin or end at a change of the clocks",
    [Moment, MinuteOfDay, MinuteOfNight],
    ([moment, day, night]) => {
      holds(moment.zone, clockTime(day), clockTime(night), instantOf(moment))
      holds(moment.zone, clockTime(night), clockTime(day), instantOf(moment))
    },
    { arbitrary: { runs: 500 } }
  )

  it.each([
    // The start is quiet, the end is not, to the millisecond.
    ["22:00", "07:00", "2026-01-10T20:59:59.999Z", "2026-01-10T20:59:59.999Z"],
    ["22:00", "07:00", "2026-01-10T21:00:00.000Z", "2026-01-11T06:00:00.000Z"],
    ["22:00", "07:00", "2026-01-11T05:59:59.999Z", "2026-01-11T06:00:00.000Z"],
    ["22:00", "07:00", "2026-01-11T06:00:00.000Z", "2026-01-11T06:00:00.000Z"],
    ["22:00", "00:00", "2026-01-10T22:59:59.999Z", "2026-01-10T23:00:00.000Z"],
    // In the night that is an hour shorter, and in the one that is an hour longer.
    ["22:00", "07:00", "2026-03-28T21:30:00.000Z", "2026-03-29T05:00:00.000Z"],
    ["22:00", "07:00", "2026-10-24T20:30:00.000Z", "2026-10-25T06:00:00.000Z"],
    // The clock skips from 02:00 to 03:00, and the end with it.
    ["22:00", "02:30", "2026-03-28T23:00:00.000Z", "2026-03-29T01:00:00.000Z"],
    // A window that is skipped whole is nobody's quiet.
    ["02:10", "02:50", "2026-03-29T01:00:00.000Z", "2026-03-29T01:00:00.000Z"],
    // It shows the hour from 02:00 twice: the first time ends the quiet, the second is quiet up to the same time.
    ["22:00", "02:30", "2026-10-24T23:00:00.000Z", "2026-10-25T00:30:00.000Z"],
    ["22:00", "02:30", "2026-10-25T00:45:00.000Z", "2026-10-25T00:45:00.000Z"],
    ["22:00", "02:30", "2026-10-25T01:00:00.000Z", "2026-10-25T01:30:00.000Z"]
  ])("in Berlin, quiet from %s to %s, at %s it lasts until %s", (start, end, from, until) => {
    const hours = window(start, end)
    assert.isDefined(hours)
    if (hours !== undefined) assert.strictEqual(iso(quietUntil(wallClock("Europe/Berlin"), hours, at(from))), until)
  })
})

describe("quietHours", () => {
  it("are none where there is no window", () => {
    assert.isUndefined(quietHours({ doNotDisturbStart: null, doNotDisturbEnd: null }))
  })

  it("are in seconds", () => {
    const [start, end] = [LocalTime.make("01:02:03"), LocalTime.make("23:59:59")]
    assert.deepStrictEqual(quietHours({ doNotDisturbStart: start, doNotDisturbEnd: end }), {
      start: 3_723_000,
      end: 86_399_000
    })
  })
})
