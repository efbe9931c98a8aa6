import { assert, describe, it } from "@effect/vitest"
import { parseShortDuration, shortDurationConfig } from "@user-service/domain/ShortDuration"
import { ConfigProvider, Duration, Effect, Option } from "effect"

const read = (text: string) =>
  shortDurationConfig("TTL", "1h").pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(text === "" ? {} : { TTL: text }))
  )

describe("short durations", () => {
  it("count in seconds, minutes, hours and days", () => {
    const millis = (text: string) => Option.map(parseShortDuration(text), Duration.toMillis)
    assert.deepStrictEqual(millis("30s"), Option.some(30_000))
    assert.deepStrictEqual(millis("5m"), Option.some(300_000))
    assert.deepStrictEqual(millis("1h"), Option.some(3_600_000))
    assert.deepStrictEqual(millis("7d"), Option.some(604_800_000))
    assert.deepStrictEqual(millis("36500d"), Option.some(36_500 * 86_400_000))
  })

  it("are nothing else: no zero, no sign, no fraction, no space, no word", () => {
    for (const text of [
      "",
      "0s",
      "-1h",
      "1.5h",
      "1 h",
      "1 hour",
      "h",
      "10",
      "1w",
      "1H",
      "9999999d",
      "36501d",
      "876001h"
    ]) {
      assert.isTrue(Option.isNone(parseShortDuration(text)), text)
    }
  })

  it.effect("a variable that is none of them is named with an example, and the default stands for an absent one", () =>
    Effect.gen(function* () {
      assert.strictEqual(Duration.toHours(yield* read("")), 1)
      const error = yield* Effect.flip(read("1 hour"))
      assert.include(error.message, `"30s"`)
      assert.include((yield* Effect.flip(read("999999d"))).message, "must be 36500d at most")
    })
  )
})
