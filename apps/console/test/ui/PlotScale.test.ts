import { assert, describe, it } from "@effect/vitest"
import {
  durationText,
  intervalText,
  runsOf,
  tickText,
  timeTicks,
  valueText,
  valueTicks
} from "../../src/ui/PlotScale.ts"

const minute = 60_000
const hour = 60 * minute

describe("the axes of a plot", () => {
  it("have whole values at round distances up to the highest value", () => {
    assert.deepStrictEqual(valueTicks("count", 0), [0, 1])
    assert.deepStrictEqual(valueTicks("count", 3), [0, 1, 2, 3])
    assert.deepStrictEqual(valueTicks("count", 9), [0, 5, 10])
    assert.deepStrictEqual(valueTicks("count", 400), [0, 100, 200, 300, 400])
    assert.deepStrictEqual(valueTicks("count", 401), [0, 200, 400, 600])
    assert.deepStrictEqual(valueTicks("seconds", 420), [0, 120, 240, 360, 480])
    assert.deepStrictEqual(
      valueTicks("seconds", 5 * 86_400),
      [0, 2, 4, 6].map((days) => days * 86_400)
    )
  })

  it("have times at round times of the day, no more than there is room for", () => {
    const from = new Date(2026, 10, 24, 9, 2).getTime()
    const atTimes = (length: number, most: number) =>
      timeTicks(from, from + length, most).map(({ at }) => (at - new Date(2026, 10, 24).getTime()) / minute)
    assert.deepStrictEqual(atTimes(hour, 6), [550, 560, 570, 580, 590, 600])
    assert.deepStrictEqual(atTimes(hour, 4), [555, 570, 585, 600])
    assert.deepStrictEqual(
      atTimes(24 * hour, 8),
      [9, 12, 15, 18, 21, 24, 27, 30, 33].slice(1).map((hours) => hours * 60)
    )
    assert.deepStrictEqual(
      timeTicks(from, from + 24 * hour, 4).map(({ label }) => label),
      ["12:00", "18:00", "Wed 25", "06:00"]
    )
    assert.deepStrictEqual(
      timeTicks(from, from + 7 * 24 * hour, 8).map(({ label }) => label),
      ["Wed 25", "Thu 26", "Fri 27", "Sat 28", "Sun 29", "Mon 30", "Tue 1"]
    )
  })
})

describe("the values of a plot", () => {
  it("are texts with units", () => {
    assert.strictEqual(valueText("count", 12_345), "12,345")
    assert.strictEqual(valueText("seconds", 125), "2 min 5 s")
    assert.strictEqual(valueText("count", null), "unknown")
    assert.strictEqual(tickText("count", 9000), "9,000")
    assert.strictEqual(tickText("count", 1_500_000), "1.5M")
    assert.deepStrictEqual([0, 0.4, 59, 60, 3600, 3661, 90_061].map(durationText), [
      "0 s",
      "0 s",
      "59 s",
      "1 min",
      "1 h",
      "1 h 1 min",
      "1 d 1 h"
    ])
    const at = new Date(2026, 10, 24, 9, 2).getTime()
    assert.strictEqual(intervalText(at, minute), "Tue 24 Nov, 09:02")
    assert.strictEqual(intervalText(at, 15 * minute), "Tue 24 Nov, 09:02 to 09:17")
  })

  it("are connected where they follow one another", () => {
    assert.deepStrictEqual(runsOf([null, 1, 0, null, 2, null]), [
      [1, 2],
      [4, 4]
    ])
    assert.deepStrictEqual(runsOf([null]), [])
  })
})
