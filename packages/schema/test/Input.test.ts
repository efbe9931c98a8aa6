import { assert, describe, it } from "@effect/vitest"
import { EmailInput, PasswordInput, TokenInput } from "@user-service/schema/Input"
import { Effect, Redacted, Schema } from "effect"
import { problemsOf } from "./decode.ts"

describe("EmailInput", () => {
  it.effect.each([
    ["ada@example.com", "ada@example.com"],
    ["  Ada@Example.COM\n", "ada@example.com"],
    ["JÜRGEN@BÜCHER.EXAMPLE", "jürgen@bücher.example"]
  ] as const)("%j is stored as %s", ([typed, kept]) =>
    Effect.gen(function* () {
      assert.strictEqual<string>(yield* Schema.decodeUnknownEffect(EmailInput)(typed), kept)
    })
  )

  it.effect.each([
    ["ada", ": Enter a valid email address."],
    ["", ": Enter a valid email address."],
    ["ada@example.com\0", ": Null characters are not allowed."],
    [`${"a".repeat(250)}@example.com`, ": Ensure this field has no more than 254 characters."]
  ] as const)("%j is refused", ([typed, problem]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(EmailInput, typed), [problem])
    })
  )

  it.effect("the length of an address excludes surrounding white space", () =>
    Effect.gen(function* () {
      const longest = `${"a".repeat(64)}@${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(59)}.example`
      assert.strictEqual(yield* Schema.decodeUnknownEffect(EmailInput)(`  ${longest}  `), longest)
    })
  )
})

describe("PasswordInput and TokenInput", () => {
  it.effect.each([PasswordInput, TokenInput])("are redacted, and contain the text as typed", (schema) =>
    Effect.gen(function* () {
      const typed = "  correct horse\tbattery staple "
      const decoded = yield* Schema.decodeUnknownEffect(schema)(typed)
      assert.strictEqual(Redacted.value(decoded), typed)
      assert.notInclude(`${decoded} ${JSON.stringify({ decoded })}`, "horse")
    })
  )

  it.effect.each([
    ["", ": This field may not be blank."],
    ["correct\0horse", ": Null characters are not allowed."],
    ["correct\ud800horse", ": Enter valid Unicode text."]
  ] as const)("%j is refused", ([typed, problem]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(PasswordInput, typed), [problem])
      assert.deepStrictEqual(yield* problemsOf(TokenInput, typed), [problem])
    })
  )
})
