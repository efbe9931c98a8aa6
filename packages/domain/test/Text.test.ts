import { assert, describe, it } from "@effect/vitest"
import { lineUpTo, Text, textUpTo, toLine } from "@user-service/domain/Text"
import { Effect } from "effect"
import { accepts } from "./accepts.ts"
import { anyText } from "./anyText.ts"

describe("Text", () => {
  it.effect.prop("is any text without NUL and without half a surrogate pair", [anyText], ([text]) =>
    Effect.gen(function* () {
      const isPlain = !/\0|[\uD800-\uDFFF]/u.test(text)
      assert.strictEqual(yield* accepts(Text, text), isPlain)
    })
  )

  it.effect.each(["", "\t", "naïve", "日本語", "👩‍👩‍👧"])("%j is text", (text) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(Text, text))
    })
  )

  it.effect.each([[true], [1], [null], [{}], [["a"]]])("%j is none, and is not made one", ([value]) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(Text, value))
    })
  )
})

describe("textUpTo", () => {
  it.effect.each(["a", "é", "日", "😀"])("counts %s as one character, however many units it has", (character) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(textUpTo(150), character.repeat(150)))
      assert.isFalse(yield* accepts(textUpTo(150), character.repeat(151)))
    })
  )
})

describe("toLine", () => {
  it.effect.prop("makes a line of any text, and leaves one as it is", [anyText], ([text]) =>
    Effect.gen(function* () {
      const line = toLine(text)
      assert.strictEqual(yield* accepts(lineUpTo(100), line), line.isWellFormed())
      assert.strictEqual(toLine(line), line)
    })
  )

  it("puts a space in place of what it leaves out", () => {
    assert.strictEqual(toLine("Bob\r\nBcc:\u001b[2J\u202ex"), "Bob Bcc: [2J x")
  })
})
