import { assert, describe, it } from "@effect/vitest"
import { fieldToPlain, isCredential, maskText, toPlain } from "@user-service/domain/Redaction"
import { Redacted } from "effect"
import process from "node:process"

const canary = "CANARY1234567"
const jwt = `eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ${canary}.c2lnbmF0dXJl${canary}`
const shows = (value: unknown) => JSON.stringify(value).includes(canary)

describe("isCredential", () => {
  it.each([
    "password",
    "newPassword",
    "password_confirm",
    "PASSWORD",
    "token",
    "accessToken",
    "push_token",
    "refresh",
    "access",
    "jti",
    "refresh_jti",
    "secret",
    "SECRET_KEY",
    "client-secret",
    "Authorization",
    "proxy-authorization",
    "Cookie",
    "set-cookie",
    "x-api-key",
    "apiKey",
    "api_key",
    "private_key",
    "credentials"
  ])("%s is accepted", (key) => {
    assert.isTrue(isCredential(key))
  })

  it.each([
    "token_id",
    "tokenType",
    "push_tokens_count",
    "access_expires_in",
    "request_id",
    "user_id",
    "route",
    "key",
    "keys",
    "author",
    "accessible",
    "session_id",
    "password_min_length"
  ])("%s is not", (key) => {
    assert.isFalse(isCredential(key))
  })
})

describe("maskText", () => {
  it.each([
    ["a JWT", `bad token ${jwt} here`],
    ["a JWT inside a word", `x${jwt}`],
    ["a URL's password", `connect redis://:${canary}@127.0.0.1:6379/0 failed`],
    ["a URL's password after a user", `postgres://u:${canary}@h/db`],
    ["a URL's password with a slash and an @ in it", `postgres://u:a/b@${canary}@h/db`],
    ["an http URL's password", `https://u:${canary}@h:8443/x`],
    ["a URL's password of digits", `amqp://u:12345/${canary}@h`],
    ["a bearer credential", `Authorization: Bearer ${canary}`],
    ["a bearer credential without its header", `sent bearer ${canary}`],
    ["a header", `x-api-key: gateway:${canary}`],
    ["a cookie", `Cookie: a=1; sid=${canary}`],
    ["a query", `GET /confirm?email=a%40b.c&token=${canary}&x=1`],
    ["an assignment", `SECRET_KEY=${canary}`],
    ["a quoted assignment", `DB_PASSWORD="two words ${canary}"`],
    ["JSON", `{"email":"a@b.c","password":"two \\" words ${canary}","x":1}`],
    ["JSON in JSON", `{\\"password\\":\\"${canary}\\"}`],
    ["JSON with spaces", `{ "refresh_token" : "${canary}" }`],
    ["an object with quoted names", `{ 'password': '${canary}' }`],
    ["an inspected object", `{ email: 'a@b.c', newPassword: '${canary}', accessToken: "${canary}" }`]
  ])("hides %s", (_place, text) => {
    assert.notInclude(maskText(text), canary)
    assert.include(maskText(text), "<redacted>")
  })

  it.each([
    "GET /api/v1/users/profile/ 200",
    "connect ECONNREFUSED 127.0.0.1:5432",
    "http://127.0.0.1:8000/users?email=a@b.c",
    "postgres://postgres@127.0.0.1:5432/postgres",
    "the token is unknown",
    "invalid token: it has expired",
    "Schema at token_id: expected a UUID",
    "eyJ is how they begin"
  ])("leaves %j as it is", (text) => {
    assert.strictEqual(maskText(text), text)
  })

  it("keeps what stands around", () => {
    assert.strictEqual(maskText("to redis://:p@h:6379/0, again"), "to redis://:<redacted>@h:6379/0, again")
    assert.strictEqual(maskText(`{"password":"x","a":1}`), `{"password":"<redacted>","a":1}`)
  })

  it("a long text is cut, and a credential across the cut does not show", () => {
    const masked = maskText(`${"x ".repeat(8_180)}${jwt} ${"y".repeat(100_000)}`)
    assert.isBelow(masked.length, 17_000)
    assert.notInclude(masked, canary.slice(0, 4))
  })

  it.each([
    ["a://b:", 20_000],
    ["eyJeyJ", 20_000],
    ["a.a-", 30_000],
    ["password", 16_000],
    ['token="', 16_000],
    ['\'password":"\\', 9_000],
    ["cookie: ", 16_000],
    ["Bearer ", 16_000],
    ["https://a:1/", 10_000],
    ["token ", 16_000],
    ["token: '\\", 9_000],
    ["-", 100_000],
    [" ", 100_000]
  ])("many %j take no more time each than a tenth of them", (piece, times) => {
    const cpuOf = (text: string) => {
      const before = process.threadCpuUsage()
      maskText(text)
      return process.threadCpuUsage(before).user
    }
    const few = piece.repeat(times / 10)
    cpuOf(few)
    // A pattern that backtracks would take a hundred times as long for ten times the text.
    assert.isBelow(cpuOf(piece.repeat(times)), 50 * (cpuOf(few) + 1000))
  })
})

describe("toPlain", () => {
  it.each<[string, unknown]>([
    ["under a name", { password: canary }],
    ["under a name, deep", { body: [{ headers: { Authorization: canary } }] }],
    ["a list under a name", { tokens: [canary, { a: canary }] }],
    ["a number under a name", { otp: 1, secret: canary }],
    ["in a Redacted", { value: Redacted.make(canary) }],
    ["in a labelled Redacted", [Redacted.make(canary, { label: "url" })]],
    ["in a Map", new Map([["password", canary]])],
    ["in Headers", new Headers({ authorization: canary })],
    ["in a query", new URLSearchParams({ token: canary })],
    ["in a URL", new URL(`https://u:${canary}@h/`)],
    ["in an error", new Error(`no redis://:${canary}@h`)],
    ["in a key", { [jwt]: 1 }],
    ["in bytes", new TextEncoder().encode(canary)],
    ["in what toJSON gives", { toJSON: () => ({ password: canary }) }]
  ])("hides a credential %s", (_place, value) => {
    assert.isFalse(shows(toPlain(value)))
  })

  it("keeps the rest", () => {
    const plain = { a: [1, true, null, "x"], token_id: "t", has_token: true, token: null }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(toPlain(plain))), plain)
    assert.strictEqual(fieldToPlain("n", 12n), "12")
    assert.strictEqual(fieldToPlain("n", Number.NaN), "NaN")
    assert.strictEqual(fieldToPlain("at", new Date(0)), "1970-01-01T00:00:00.000Z")
  })

  it("survives cycles, getters that throw and worlds", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    const wide = Array.from({ length: 300 }, () => Array.from({ length: 300 }, () => ({ a: 1 })))
    const thrower = {
      get boom(): string {
        throw new Error("no")
      }
    }
    assert.include(JSON.stringify(toPlain(cycle)), "...")
    assert.isBelow(JSON.stringify(toPlain(wide)).length, 50_000)
    assert.strictEqual(toPlain(thrower), "<unreadable>")
  })
})
