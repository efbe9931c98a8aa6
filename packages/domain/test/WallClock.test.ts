import { assert, describe, it } from "@effect/vitest"
import { firstWhen, localDay, nextMidnight, timeOfDay, wallClock } from "@user-service/domain/WallClock"
import { firstMinute, instantOf, minute, Moment, localDateTime } from "./IntlClock.ts"

const at = (text: string): number => Date.parse(text)
const iso = (instant: number): string => new Date(instant).toISOString()

const holds = (zone: string, instant: number) => {
  const clock = wallClock(zone)
  const [today] = localDateTime(zone, instant)
  assert.strictEqual(localDay(clock, instant), today)
  const midnight = firstMinute(instant, (later) => localDateTime(zone, later)[0] > today)
  assert.strictEqual(iso(nextMidnight(clock, instant)), iso(midnight))
}

describe("a wall clock", () => {
  it.prop(
    "shows the date that Intl shows, and the next midnight is its first later one, also where clocks are changed",
    [Moment],
    ([moment]) => holds(moment.zone, instantOf(moment)),
    { arbitrary: { runs: 500 } }
  )

  it.each([
    ["UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00.000Z"],
    ["Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T22:00:00.000Z"],
    ["Asia/Kathmandu", "2026-01-01T18:14:59Z", "2026-01-01T18:15:00.000Z"],
    ["Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-02T18:15:00.000Z"],
    ["Australia/Lord_Howe", "2026-04-05T12:00:00Z", "2026-04-05T13:30:00.000Z"],
    // There is no midnight: the clock goes from 23:59 to 01:00.
    ["America/Sao_Paulo", "2017-10-14T12:00:00Z", "2017-10-15T03:00:00.000Z"],
    ["Asia/Beirut", "2022-03-26T12:00:00Z", "2022-03-26T22:00:00.000Z"],
    // From 24:00 it goes back to 23:00 of the same day.
    ["America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-18T03:00:00.000Z"],
    // There is no 30 December.
    ["Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-30T10:00:00.000Z"]
  ])("in %s at %s the next midnight is at %s", (zone, from, midnight) => {
    assert.strictEqual(iso(nextMidnight(wallClock(zone), at(from))), midnight)
  })

  it("shows dates across the years and before 1970", () => {
    assert.strictEqual(localDay(wallClock("Asia/Tokyo"), at("2025-12-31T15:00:00Z")), "2026-01-01")
    assert.strictEqual(localDay(wallClock("America/Lima"), at("1969-12-31T23:00:00Z")), "1969-12-31")
    assert.strictEqual(iso(nextMidnight(wallClock("UTC"), -1)), "1970-01-01T00:00:00.000Z")
  })

  it("of a zone that nobody knows is that of UTC", () => {
    assert.strictEqual(localDay(wallClock("Mars/Olympus"), at("2026-05-05T23:59:59Z")), "2026-05-05")
  })

  it("of more zones and days than are remembered is as right as any", () => {
    for (let number = 0; number < 1100; number++) wallClock(`Mars/${number}`)
    const clock = wallClock("Europe/Berlin")
    for (let day = 0; day < 250; day++) localDay(clock, at("2026-01-01T12:00Z") + day * 24 * 60 * minute)
    holds("Europe/Berlin", at("2026-03-28T23:30Z"))
  })
})

describe("firstWhen", () => {
  it("is this instant where it is so already", () => {
    const now = at("2026-01-01T10:00:00.123Z")
    assert.strictEqual(
      firstWhen(wallClock("UTC"), now, () => 0),
      now
    )
  })

  it("is the change of the clocks where that is what makes it so", () => {
    const halfPastTwo = (shown: number) => Math.max(0, 150 * minute - timeOfDay(shown))
    const found = firstWhen(wallClock("Europe/Berlin"), at("2026-03-29T00:00Z"), halfPastTwo)
    assert.strictEqual(iso(found), "2026-03-29T01:00:00.000Z")
  })
})
