import { assert, describe, it } from "@effect/vitest"
import { DeviceLabel, DeviceToken } from "@user-service/domain/PushToken"
import { Effect } from "effect"
import { accepts } from "./accepts.ts"

describe("DeviceToken", () => {
  it.effect.each(["a", "ExponentPushToken[xxx]", '{"endpoint":"https://push.example/1"}', "a".repeat(4096)])(
    "%s is a token",
    (token) =>
      Effect.gen(function* () {
        assert.isTrue(yield* accepts(DeviceToken, token))
      })
  )

  it.effect.each(["", " ", "\n\t", "a\0", "a".repeat(4097)])("%j is refused", (token) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(DeviceToken, token))
    })
  )
})

describe("DeviceLabel", () => {
  it.effect("may be empty, and is at most 255 characters", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(DeviceLabel, ""))
      assert.isTrue(yield* accepts(DeviceLabel, "📱".repeat(255)))
      assert.isFalse(yield* accepts(DeviceLabel, "a".repeat(256)))
    })
  )

  it.effect.each(["Ada's\nphone", "\u001b[2J", "\u202eenohp"])(
    "%j is refused, because a label is one line without reordering characters",
    (label) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(DeviceLabel, label))
      })
  )
})
