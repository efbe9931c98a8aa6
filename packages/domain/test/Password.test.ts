import { assert, describe, it } from "@effect/vitest"
import { guessableWords, maxPasswordBytes, normalisePassword, passwordProblems } from "@user-service/domain/Password"
import { Arbitrary, Schema } from "effect"
import { anyText } from "./anyText.ts"

const tooShort = "This password is too short. It must contain at least 8 characters."
const tooLong = "This password is too long. It must contain at most 1024 bytes."
const numeric = "This password is entirely numeric."
const common = "This password is too common."
const similar = "This password is too similar to your email, username or name."

const ofService = "This password is too similar to the name of this service."

const problems = (password: string, attributes: ReadonlyArray<string> = []) =>
  passwordProblems(password, { minLength: 8, attributes, isCommon: (text) => text === "password" })

// Letters that have a composed and a decomposed form, among others that do not.
const letters = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["é", "ü", "Å", "ñ", "한", "ệ", "a", "7", " ", "日", "😀"])), {
    maxLength: 12
  }),
  (parts) => parts.join("")
)

describe("passwordProblems", () => {
  it.each(["correct horse", "tr0ub4dor&3", "        ", "aaaaaaaa", "日本語日本語日本", "pässwörd", "ⅧⅧⅧⅧⅧⅧⅧⅧ"])(
    "%j breaks no rule, because there are no rules of composition",
    (password) => {
      assert.deepStrictEqual(problems(password), [])
    }
  )

  it.each([
    ["1234567", [tooShort, numeric]],
    ["12345678", [numeric]],
    ["٠١٢٣٤٥٦٧", [numeric]],
    ["password", [common]],
    ["", [tooShort]],
    ["😀😀😀😀😀😀😀", [tooShort]],
    ["😀😀😀😀😀😀😀😀", []]
  ])("all broken rules of %j are reported", (password, expected) => {
    assert.deepStrictEqual(problems(password), expected)
  })

  it("the operator sets the minimum length", () => {
    const context = { minLength: 15, attributes: [], isCommon: () => false }
    assert.deepStrictEqual(passwordProblems("fourteen chars", context), [
      "This password is too short. It must contain at least 15 characters."
    ])
    assert.deepStrictEqual(passwordProblems("fifteen chars !", context), [])
  })

  it.each(["a", "é", "日", "😀"])("the maximum length is counted in bytes, here of %s", (character) => {
    const times = Math.floor(maxPasswordBytes / new TextEncoder().encode(character).length)
    assert.deepStrictEqual(problems(character.repeat(times)), [])
    assert.deepStrictEqual(problems(character.repeat(times + 1)), [tooLong])
  })

  it("bytes are counted in the composed form", () => {
    assert.deepStrictEqual(problems("e\u0301".repeat(512)), [])
    assert.deepStrictEqual(problems("e\u0301".repeat(513)), [tooLong])
  })

  it.prop("composed and decomposed forms break the same rules", [letters, letters], ([password, attribute]) => {
    const judged = problems(password.normalize("NFC"), [attribute.normalize("NFC")])
    assert.deepStrictEqual(problems(password.normalize("NFD"), [attribute.normalize("NFC")]), judged)
    assert.deepStrictEqual(problems(password.normalize("NFC"), [attribute.normalize("NFD")]), judged)
  })

  it.prop("any text can be checked with any attributes", [anyText, anyText], ([password, attribute]) => {
    for (const problem of problems(password, [attribute, ""])) {
      assert.oneOf(problem, [tooShort, tooLong, numeric, common, similar, ofService])
    }
  })

  const assertOwnIsSimilar = (attribute: string): void => {
    const password = `${attribute}abc`
    assert.include(problems(password.toUpperCase(), [password]), similar)
  }

  it.prop("a password must not be the e-mail, username or name of its owner", [anyText], ([attribute]) =>
    assertOwnIsSimilar(attribute)
  )

  it.each(["ᾀ", "ß", "ﬃ", "İ"])(
    "a password must not contain %s, which has several letters in upper case",
    assertOwnIsSimilar
  )
})

describe("a password is too similar to", () => {
  it.each([
    ["ada@example.com", "ada@example.com"],
    ["ADA@EXAMPLE.COM", "ada@example.com"],
    ["lovelace", "ada.lovelace@example.com"],
    ["lovelace1815", "ada.lovelace@example.com"],
    ["1lovelace", "Ada Lovelace"],
    ["ecalevol", "Lovelace"],
    ["lovelacelovelace", "Lovelace"],
    ["jose\u0301garci\u0301a", "José García"],
    ["José-García", "jose\u0301 garci\u0301a"],
    ["example1", "ada@example.com"]
  ])("%j for who is %j", (password, attribute) => {
    assert.deepStrictEqual(problems(password, ["", attribute]), [similar])
  })

  it.each([
    ["lovelace and a lot more", "lovelace"],
    ["analytical engine", "ada@example.com"],
    ["correct horse", "Al"],
    ["alalalal", "Al"]
  ])("nothing: %j for who is %j", (password, attribute) => {
    assert.deepStrictEqual(problems(password, [attribute]), [])
  })
})

describe("a password is too similar to this service", () => {
  it.each(["userservice", "User-Service", "user service", "service-user", "userserv1ce", "service1"])(
    "%j",
    (password) => {
      assert.deepStrictEqual(problems(password), [ofService])
    }
  )

  it.each(["a service of tea at five", "loser serves wine", "nine quiet otters"])("nothing: %j", (password) => {
    assert.deepStrictEqual(problems(password), [])
  })
})

describe("guessableWords", () => {
  it("are the attributes as written and joined, their parts, and the name of this service", () => {
    assert.deepStrictEqual(guessableWords(["Ada.Lovelace@example.com", "Jose\u0301 de Garci\u0301a", "al"]), [
      "ada.lovelace@example.com",
      "josé de garcía",
      "user-service",
      "adalovelaceexamplecom",
      "josédegarcía",
      "userservice",
      "ada",
      "lovelace",
      "example",
      "com",
      "josé",
      "garcía",
      "user",
      "service"
    ])
  })

  it("are limited in number for any name", () => {
    assert.strictEqual(guessableWords([Array.from({ length: 50 }, (_, i) => `n${i + 100}`).join(" ")]).length, 56)
    assert.strictEqual(guessableWords([Array.from({ length: 500 }, (_, i) => `n${i + 100}`).join(" ")]).length, 64)
  })
})

describe("normalisePassword", () => {
  it.prop("is idempotent", [anyText], ([password]) => {
    assert.strictEqual(normalisePassword(normalisePassword(password)), normalisePassword(password))
  })
})
