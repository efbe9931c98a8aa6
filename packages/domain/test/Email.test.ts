import { assert, describe, it } from "@effect/vitest"
import { canonicalEmail, Email, EmailSpelling, normaliseEmail } from "@user-service/domain/Email"
import { Effect } from "effect"
import process from "node:process"
import { accepts } from "./accepts.ts"
import { anyText } from "./anyText.ts"

describe("normaliseEmail", () => {
  it.prop("is idempotent", [anyText], ([text]) => {
    assert.strictEqual(normaliseEmail(normaliseEmail(text)), normaliseEmail(text))
  })

  it.prop("removes white space at both ends", [anyText], ([text]) => {
    assert.notMatch(normaliseEmail(text), /^\s|\s$/)
  })

  it.prop("converts a valid address in capitals to that address", [Email], ([email]) => {
    assert.strictEqual(normaliseEmail(` \t${email.toUpperCase()}\n`), email)
  })

  it.each([
    ["  Ada.Lovelace@Example.COM\u00a0", "ada.lovelace@example.com"],
    ["zoe\u0308@example.com", "zo\u00eb@example.com"],
    ["\u1e9b\u0323@example.com", "\u1e9b\u0323@example.com"]
  ])("of %j is %j, regardless of case, white space and composition", (typed, kept) => {
    assert.strictEqual(normaliseEmail(typed), kept)
  })
})

describe("canonicalEmail", () => {
  it.each([
    ["bob@bücher.example", "bob@xn--bcher-kva.example"],
    ["bob@xn--bcher-kva.example", "bob@xn--bcher-kva.example"],
    ["x@ｅｘａｍｐｌｅ.com", "x@example.com"],
    ["संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"],
    ["a@faß.de", "a@xn--fa-hia.de"],
    ["jürgen@example.com", "jürgen@example.com"],
    // Of no domain there is another form, and none is made up: such rows may have come by an import.
    ["a@exa mple.com", "a@exa mple.com"],
    ["a@é/x", "a@é/x"],
    ["a@é:80", "a@é:80"],
    ["nobody", "nobody"],
    ["", ""]
  ])("of %s is %s", (email, canonical) => {
    assert.strictEqual(canonicalEmail(email), canonical)
  })

  it.prop("is idempotent, and returns a valid spelling", [anyText], ([text]) => {
    const canonical = canonicalEmail(normaliseEmail(`a@${text}.example`))
    assert.strictEqual(canonicalEmail(canonical), canonical)
  })
})

const ofLength = (length: number) => {
  const domain = `${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(59)}.example`
  return `${"a".repeat(length - domain.length - 1)}@${domain}`
}

describe("Email", () => {
  it.effect.each([
    "ada@example.com",
    "a@b.co",
    "ada.lovelace+notes@sub.example.co.uk",
    "o'brien!#$%&*/=?^_`{|}~-@example.com",
    "jürgen@bücher.example",
    "用户@例子.公司",
    "संपर्क@डाटामेल.भारत",
    "อีเมล@ตัวอย่าง.ไทย",
    "1@2.34x",
    `${"a".repeat(64)}@example.com`,
    `${"é".repeat(32)}@example.com`,
    `a@${"b".repeat(63)}.com`,
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
    "zoe\u0308@example.com",
    "Ada@example.com",
    "ada@\u0301a.example.com",
    // Longer than a mail transport carries, in the form that it carries.
    `${"a".repeat(65)}@example.com`,
    `${"é".repeat(33)}@example.com`,
    `a@${"b".repeat(64)}.com`,
    `a@${"ü".repeat(60)}.com`,
    `${"a".repeat(64)}@${"日本語.".repeat(13)}com`,
    ofLength(255),
    // Addresses of IPv4, however they are written.
    "1@2.34",
    "ada@127.0.0.11",
    "ada@0x7f.0.0.01",
    "ada@１２７.0.0.11",
    "ada@256.256.256.256",
    "ada@example.123",
    // No label of theirs has an A-label.
    "ada@a.\ufe0f\ufe0fb.com",
    "ada@xn--a.bücher.example"
  ])("%j is refused", (email) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(Email, email))
    })
  )

  // Were the pattern to backtrack over all it read, ten times the text would take a hundred times as long, and one such body
  // would hold the process for minutes.
  it.live.each(["a", "a.", "a-", "é", "e\u0301", "a@", "@a."])("100 KiB of %s are refused at once", (part) =>
    Effect.gen(function* () {
      const cpuOf = Effect.fnUntraced(function* (length: number) {
        const text = `a@${part.repeat(length / part.length)}!`
        const before = process.threadCpuUsage()
        assert.isFalse(yield* accepts(Email, text))
        return process.threadCpuUsage(before).user
      })
      yield* cpuOf(10_240)
      const small = yield* cpuOf(10_240)
      assert.isBelow(yield* cpuOf(102_400), 50 * (small + 1000))
    })
  )
})

describe("EmailSpelling", () => {
  it.effect.each([
    "zoe\u0308@example.com",
    `${"a".repeat(200)}@example.com`,
    `a@${"b".repeat(64)}.com`,
    "ada@127.0.0.11"
  ])("%s is accepted, because an older account may have it", (email) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(EmailSpelling, email))
    })
  )

  it.effect.each(["", "ada", "ada@example.com\n", `${"a".repeat(250)}@example.com`])("%j is refused", (email) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(EmailSpelling, email))
    })
  )
})
