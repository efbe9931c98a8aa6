import { assert, describe, it } from "@effect/vitest"
import { contradiction, defaultSettings, FrequencyLimit, LocalTime, switches } from "@user-service/domain/Preferences"
import { Effect, Schema } from "effect"
import { accepts } from "./accepts.ts"

const end = Schema.NullOr(LocalTime)

describe("contradiction", () => {
  it.prop(
    "there is none if both ends of the quiet hours are absent, or present and different",
    [end, end],
    ([from, to]) => {
      const whole = (from === null) === (to === null) && (from === null || from !== to)
      assert.strictEqual(contradiction({ doNotDisturbStart: from, doNotDisturbEnd: to }) === undefined, whole)
    }
  )

  it.prop("equal ends are a contradiction", [LocalTime], ([time]) => {
    assert.isDefined(contradiction({ doNotDisturbStart: time, doNotDisturbEnd: time }))
  })

  it.each([
    [null, "07:00:00", "doNotDisturbStart", "Required when an end is set."],
    ["22:00:00", null, "doNotDisturbEnd", "Required when a start is set."],
    ["22:00:00", "22:00:00", "doNotDisturbEnd", "Must differ from the start."]
  ] as const)("the contradiction of %s to %s is reported at %s", (start, end, field, problem) => {
    const found = contradiction({
      doNotDisturbStart: start === null ? null : LocalTime.make(start),
      doNotDisturbEnd: end === null ? null : LocalTime.make(end)
    })
    assert.deepStrictEqual([found?.field, found?.message], [field, problem])
  })

  it("a window may include midnight", () => {
    const overnight = { doNotDisturbStart: LocalTime.make("22:00:00"), doNotDisturbEnd: LocalTime.make("07:00:00") }
    assert.isUndefined(contradiction(overnight))
  })
})

describe("LocalTime", () => {
  it.effect.each(["00:00:00", "23:59:59", "09:05:00"])("%s is a time of day", (time) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(LocalTime, time))
    })
  )

  it.effect.each(["24:00:00", "12:60:00", "12:00:60", "9:00:00", "12:00", "12:00:00Z", "12:00:00\n", "noon", ""])(
    "%j is none",
    (time) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(LocalTime, time))
      })
  )
})

describe("FrequencyLimit", () => {
  it.effect.prop("is a whole number from 0 to 10,000", [Schema.Int], ([limit]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* accepts(FrequencyLimit, limit), limit >= 0 && limit <= 10_000)
    })
  )

  it.effect.each([0, 50, 10_000])("%d is accepted", (limit) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(FrequencyLimit, limit))
    })
  )

  it.effect.each([-1, 10_001, 1.5, Number.NaN, Infinity, "50", true, [50]])("%j is refused", (limit) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(FrequencyLimit, limit))
    })
  )
})

describe("defaultSettings", () => {
  it("everything is on except marketing by push, with 50 notifications a day and no quiet hours", () => {
    assert.deepStrictEqual(
      switches.filter((name) => !defaultSettings[name]),
      ["pushMarketing"]
    )
    assert.strictEqual(defaultSettings.frequencyLimit, 50)
    assert.isNull(defaultSettings.doNotDisturbStart)
    assert.isUndefined(contradiction(defaultSettings))
  })
})
