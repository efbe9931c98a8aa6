import { assert, describe, it } from "@effect/vitest"
import {
  AvatarUrl,
  Bio,
  defaultLanguage,
  defaultTimeZone,
  fullName,
  Language,
  normaliseAvatarUrl,
  normaliseTimeZone,
  PersonName,
  splitName,
  TimeZone
} from "@user-service/domain/Profile"
import { Effect } from "effect"
import { accepts } from "./accepts.ts"
import { anyText } from "./anyText.ts"

describe("PersonName and Bio", () => {
  it.effect("may be empty, and are at most 150 and 2,000 characters", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(PersonName, ""))
      assert.isTrue(yield* accepts(PersonName, "é".repeat(150)))
      assert.isFalse(yield* accepts(PersonName, "e".repeat(151)))
      assert.isTrue(yield* accepts(Bio, "👋".repeat(2000)))
      assert.isFalse(yield* accepts(Bio, "e".repeat(2001)))
    })
  )
})

describe("PersonName", () => {
  it.effect.each([
    ["a line break", "Bob\r\nBcc: x"],
    ["a tab", "Bob\tJones"],
    ["ESC", "Bob\u001b[2J"],
    ["a control character of C1", "Bob\u009b2J"],
    ["a line separator", "Bob\u2028Jones"],
    ["a bidirectional override", "Bob\u202egpj"],
    ["a bidirectional isolate", "Bob\u2066gpj\u2069"]
  ])("refuses %s", ([, name]) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(PersonName, name))
    })
  )

  it.effect.each(["نیک‌آزاد", "क्‍ष", "\u200fאדה", "👩‍💻", "O'Brien-Núñez"])("%s is a name", (name) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(PersonName, name))
    })
  )

  it.effect("refuses line breaks, and Bio accepts them", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(Bio, "Mathematician.\r\n\tPoetical science."))
    })
  )
})

describe("AvatarUrl", () => {
  it.effect.each([
    ["https://example.com/ada.png", "https://example.com/ada.png"],
    ["http://example.com", "http://example.com/"],
    ["HTTPS://Example.com:443/a/../b?size=64#face", "https://example.com/b?size=64#face"],
    ["https://bücher.example/é.png", "https://xn--bcher-kva.example/%C3%A9.png"],
    ["http://[0:0::1]/a", "http://[::1]/a"],
    [`https://example.com/"onerror="x`, "https://example.com/%22onerror=%22x"],
    ["https://example.com/<script>?<script>#<script>", "https://example.com/%3Cscript%3E?%3Cscript%3E#%3Cscript%3E"],
    ["https://example.com/\u202egpj", "https://example.com/%E2%80%AEgpj"],
    [`https://example.com/${"a".repeat(480)}`, `https://example.com/${"a".repeat(480)}`]
  ] as const)("%s is stored as the URL standard serialises it", ([typed, kept]) =>
    Effect.gen(function* () {
      assert.strictEqual(normaliseAvatarUrl(typed), kept)
      assert.isTrue(yield* accepts(AvatarUrl, kept))
      assert.strictEqual(yield* accepts(AvatarUrl, typed), typed === kept)
    })
  )

  it.effect.each([
    "",
    "ada.png",
    "/ada.png",
    "//example.com/ada.png",
    "example.com/ada.png",
    "https:example.com",
    "https:/example.com",
    "https://",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://:pass@example.com/",
    `https://example.com/${"é".repeat(81)}`,
    "https:///example.com",
    "https://?a",
    "https:\\\\example.com",
    "https://exa mple.com",
    "https://example.com:port",
    "https://example.com/a b",
    " https://example.com",
    "https://example.com ",
    "https://example.com/\n",
    "https://exam\tple.com",
    "https://example.com/\0",
    "https://example.com/\u007f",
    "ftp://example.com/ada.png",
    "javascript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "data:image/png;base64,AAAA",
    "blob:https://example.com/1",
    `https://example.com/${"a".repeat(481)}`
  ])("%j is refused", (url) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(AvatarUrl, url))
      assert.isFalse(yield* accepts(AvatarUrl, normaliseAvatarUrl(url)))
    })
  )
})

describe("TimeZone", () => {
  it.effect.each([
    defaultTimeZone,
    "Europe/Paris",
    "America/Argentina/Buenos_Aires",
    "Asia/Kolkata",
    "Asia/Calcutta",
    "Etc/GMT+5",
    "Etc/GMT-14",
    "GMT",
    "EST5EDT",
    "CET",
    "US/Pacific",
    "W-SU"
  ])("%s is a name of the IANA database", (name) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(TimeZone, name))
    })
  )

  it.effect.each([
    "",
    "Mars/Olympus_Mons",
    "Europe",
    "Europe/",
    " Europe/Paris",
    "Europe/Paris ",
    "Europe/Paris\0",
    "+02:00",
    "-0500",
    "UTC+2",
    "GMT+01:00",
    "PST",
    "ist",
    "US/Pacific-New",
    "SystemV/AST4",
    "Factory",
    "posix/UTC",
    "europe/paris",
    "local",
    "Etc/Unknown"
  ])("%j is refused", (name) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(TimeZone, name))
    })
  )
})

describe("normaliseTimeZone", () => {
  it.each([
    ["europe/kyiv", "Europe/Kyiv"],
    ["EUROPE/KIEV", "Europe/Kiev"],
    ["america/port-AU-prince", "America/Port-au-Prince"],
    ["america/argentina/comodrivadavia", "America/Argentina/ComodRivadavia"],
    ["antarctica/mcmurdo", "Antarctica/McMurdo"],
    ["etc/gmt+5", "Etc/GMT+5"],
    ["nz-chat", "NZ-CHAT"],
    ["utc", "UTC"],
    ["us/pacific-new", "us/pacific-new"],
    ["constructor", "constructor"]
  ])("of %s is %s", (typed, kept) => {
    assert.strictEqual(normaliseTimeZone(typed), kept)
  })
})

describe("Language", () => {
  it.effect.each([
    defaultLanguage,
    "pt-BR",
    "PT-br",
    "zh-Hant-TW",
    "es-419",
    "de-1996",
    "gsw",
    "ar-u-nu-latn",
    "en-x-pirate"
  ])("%s is a language tag", (tag) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(Language, tag))
    })
  )

  it.effect.each(["", "e", "en_US", "en-", "-en", "en--US", "en US", "*", "en-US\n", "deutschland", "en-x", "é"])(
    "%j is none",
    (tag) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(Language, tag))
      })
  )
})

describe("fullName", () => {
  it.each([
    ["Ada", "Lovelace", "Ada Lovelace"],
    ["Ada", "", "Ada"],
    ["", "Lovelace", "Lovelace"],
    ["", "", "ada42"],
    [" ", "\t", "ada42"]
  ])("of %j and %j is %j", (firstName, lastName, whole) => {
    assert.strictEqual(fullName({ firstName, lastName }, "ada42"), whole)
  })

  it.prop("is never empty for any names", [anyText, anyText], ([firstName, lastName]) => {
    assert.isNotEmpty(fullName({ firstName, lastName }, "ada42"))
  })
})

describe("splitName", () => {
  it.each([
    ["Ada", "Ada", ""],
    ["Ada Lovelace", "Ada", "Lovelace"],
    ["  Ada   Lovelace ", "Ada", "Lovelace"],
    ["Ada King Lovelace", "Ada", "King Lovelace"],
    ["Ada\u00a0Lovelace", "Ada", "Lovelace"],
    ["", "", ""],
    ["   ", "", ""]
  ])("%j is %j and %j", (name, firstName, lastName) => {
    assert.deepStrictEqual(splitName(name), { firstName, lastName })
  })

  it.prop("loses only white space, and the first name contains none", [anyText], ([name]) => {
    const { firstName, lastName } = splitName(name)
    assert.notMatch(firstName, /\s/)
    assert.strictEqual((firstName + lastName).replaceAll(/\s/g, ""), name.replaceAll(/\s/g, ""))
  })
})
