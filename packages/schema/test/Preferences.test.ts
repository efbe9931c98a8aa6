import { assert, describe, it } from "@effect/vitest"
import { PreferenceSettings, switches } from "@user-service/domain/Preferences"
import { PreferencesBody, PreferencesInput } from "@user-service/schema/Preferences"
import { Effect, Schema, String } from "effect"
import { problemsOf } from "./decode.ts"

const decode = Schema.decodeUnknownEffect(PreferencesInput)

describe("PreferencesInput", () => {
  it("accepts every setting and nothing else", () => {
    assert.deepStrictEqual(
      Object.keys(PreferencesInput.from.fields).map(String.snakeToCamel).toSorted(),
      Object.keys(PreferenceSettings.fields).toSorted()
    )
  })

  it.effect.each([
    ["22:00", "22:00:00"],
    ["22:00:59", "22:00:59"],
    ["00:00", "00:00:00"]
  ] as const)("%s is the time %s", ([typed, kept]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(yield* decode({ do_not_disturb_start: typed }), { doNotDisturbStart: kept })
    })
  )

  it.effect.each([
    "24:00",
    "22:60",
    "22:00:60",
    "9:00",
    "2200",
    "22:00:00.5",
    "22:00Z",
    " 22:00",
    "22:00\n",
    "",
    "noon"
  ] as const)("%j is refused as a time", (typed) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(PreferencesInput, { do_not_disturb_end: typed }), [
        "do_not_disturb_end: Enter a valid time: HH:MM or HH:MM:SS."
      ])
    })
  )

  it.effect.each([
    ["push_enabled", "true"],
    ["push_enabled", 1],
    ["push_enabled", null],
    ["frequency_limit", "50"],
    ["frequency_limit", 1.5],
    ["frequency_limit", -1],
    ["frequency_limit", 10_001],
    ["frequency_limit", null]
  ] as const)("%s is not %j", ([field, value]) =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(PreferencesInput, { [field as string]: value })
      assert.isTrue(problems.length > 0 && problems.every((problem) => problem.startsWith(`${field}: `)))
    })
  )

  it.effect("all invalid fields are reported at once, and unknown ones are ignored", () =>
    Effect.gen(function* () {
      const input = { email_enabled: "yes", do_not_disturb_start: "x", frequency_limit: -1, colour: "\0" }
      const fields = (yield* problemsOf(PreferencesInput, input)).map((problem) => problem.split(":")[0])
      assert.deepStrictEqual(fields.toSorted(), ["do_not_disturb_start", "email_enabled", "frequency_limit"])
      assert.deepStrictEqual(yield* decode({ colour: "red" }), {})
    })
  )
})

describe("the patch of a PreferencesInput", () => {
  it.effect.prop("each sent field changes only the setting of its name", [PreferencesInput.from], ([input]) =>
    Effect.gen(function* () {
      const expected = Object.fromEntries(
        Object.entries(input).map(([field, value]) => [String.snakeToCamel(field), value])
      )
      assert.deepStrictEqual<object>(yield* decode(input), expected)
    })
  )

  it.effect("null removes the quiet hours, and absent fields stay", () =>
    Effect.gen(function* () {
      const input = yield* decode({ do_not_disturb_start: null, do_not_disturb_end: null })
      assert.deepStrictEqual(input, { doNotDisturbStart: null, doNotDisturbEnd: null })
    })
  )
})

describe("PreferencesBody", () => {
  it("contains every switch", () => {
    assert.includeMembers(Object.keys(PreferencesBody.fields), switches.map(String.camelToSnake))
  })
})
