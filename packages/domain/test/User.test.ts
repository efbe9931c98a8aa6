import { assert, describe, it } from "@effect/vitest"
import { Email, normaliseEmail, PhoneNumber, Username, usernameFromEmail } from "@user-service/domain/User"
import { Arbitrary, Duration, Effect, Schema } from "effect"
import { accepts } from "./accepts.ts"
import { anyText } from "./anyText.ts"

// Addresses of any local part, since most of it is left out of a username.
const anyEmail = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "Z", "0", "_", "-", "+", "'", "{", "é", "用"])), {
    minLength: 1,
    maxLength: 240
  }),
  (parts) => Email.make(`${parts.join("")}@example.com`)
)

const ofLength = (length: number) => `${"a".repeat(length - "@example.com".length)}@example.com`

describe("normaliseEmail", () => {
  it.prop("once is enough", [anyText], ([text]) => {
    assert.strictEqual(normaliseEmail(normaliseEmail(text)), normaliseEmail(text))
  })

  it.prop("no white space is left at either end", [anyText], ([text]) => {
    assert.notMatch(normaliseEmail(text), /^\s|\s$/)
  })

  it.prop("what it makes of a good address in capitals is that address", [Email], ([email]) => {
    assert.strictEqual(normaliseEmail(` \t${email.toUpperCase()}\n`), email)
  })

  it("case and the white space around an address do not count", () => {
    assert.strictEqual(normaliseEmail("  Ada.Lovelace@Example.COM\u00a0"), "ada.lovelace@example.com")
  })
})

describe("Email", () => {
  it.effect.each([
    "ada@example.com",
    "a@b.co",
    "ada.lovelace+notes@sub.example.co.uk",
    "o'brien!#$%&*/=?^_`{|}~-@example.com",
    "1@2.34",
    "jürgen@bücher.example",
    "用户@例子.公司",
    ofLength(254)
  ])("%s is an address", (email) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(Email, email))
    })
  )

  it.effect.each([
    "",
    "ada",
    "ada@",
    "@example.com",
    "ada@localhost",
    "ada@example.c",
    "ada@@example.com",
    "ada@b@example.com",
    "ada lovelace@example.com",
    "ada@exam ple.com",
    "ada@-example.com",
    "ada@example-.com",
    "ada@example..com",
    "ada@.example.com",
    "ada@example.com.",
    ".ada@example.com",
    "ada.@example.com",
    "ada..lovelace@example.com",
    '"ada"@example.com',
    "ada(comment)@example.com",
    "ada@[127.0.0.1]",
    "ada@example.com\n",
    "ada\0@example.com",
    "a\ud800@example.com",
    "Ada <ada@example.com>",
    "ada@example.com, bob@example.com",
    ofLength(255)
  ])("%j is none", (email) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(Email, email))
    })
  )

  // Were the pattern to backtrack over all it read, one such body would hold the process for minutes.
  it.live.each(["a", "a.", "a-", "é", "a@", "@a."])("100 KiB of %s are refused at once", (part) =>
    Effect.gen(function* () {
      const [elapsed, accepted] = yield* Effect.timed(accepts(Email, `a@${part.repeat(102_400 / part.length)}!`))
      assert.isFalse(accepted)
      assert.isBelow(Duration.toSeconds(elapsed), 1)
    })
  )
})

describe("Username", () => {
  it.effect.each(["a", "Ada", "ada.lovelace@example.com", "a+b-c_d", "42", "a".repeat(150)])(
    "%s is a username, in the case it is given",
    (username) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Schema.decodeUnknownEffect(Username)(username), username)
      })
  )

  it.effect.each(["", " ", "ada lovelace", "ada\n", "jürgen", "ada/..", "<ada>", "ada\0", "a".repeat(151)])(
    "%j is none",
    (username) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(Username, username))
      })
  )
})

describe("usernameFromEmail", () => {
  const attempt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000_000_000 }))

  it.prop("is a username for every address and attempt", [anyEmail, attempt], ([email, attempt]) => {
    assert.isTrue(Schema.is(Username)(usernameFromEmail(email, attempt)))
  })

  it.prop("ends in the attempt, so that no two attempts give the same", [anyEmail, attempt], ([email, attempt]) => {
    assert.isTrue(usernameFromEmail(email, attempt + 1).endsWith(String(attempt + 1)))
  })

  it.each([
    ["ada.lovelace@example.com", 0, "ada.lovelace"],
    ["ada@example.com", 1, "ada1"],
    ["ada@example.com", 12, "ada12"],
    ["o'brien@example.com", 0, "obrien"],
    ["jürgen+news@example.com", 0, "jrgen+news"],
    ["用户@example.com", 0, "user"],
    ["用户@example.com", 2, "user2"]
  ] as const)("of %s at attempt %d is %s", (email, attempt, username) => {
    assert.strictEqual<string>(usernameFromEmail(Email.make(email), attempt), username)
  })

  it("a long local part makes room for the number", () => {
    const email = Email.make(`${"a".repeat(200)}@example.com`)
    assert.strictEqual(usernameFromEmail(email), "a".repeat(150))
    assert.strictEqual(usernameFromEmail(email, 123), `${"a".repeat(147)}123`)
  })
})

describe("PhoneNumber", () => {
  it.effect.each(["1", "+49 (0)30 123-456", "020 7946 0000", "0".repeat(20)])("%s is a phone number", (number) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(PhoneNumber, number))
    })
  )

  it.effect.each(["", "0".repeat(21), "555.1234", "1-800-FLOWERS", "٠١٢", "+49\t30", "+4930\n", "+49\u00a030"])(
    "%j is none",
    (number) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(PhoneNumber, number))
      })
  )
})
