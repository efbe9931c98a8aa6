import { assert, describe, it } from "@effect/vitest"
import {
  parseRateLimit,
  RateLimited,
  rateLimitConfig,
  rateLimitHeader,
  rateLimitPolicyHeader
} from "@user-service/domain/RateLimit"
import { ConfigProvider, Duration, Effect, Option } from "effect"

const read = (env: Record<string, string>) =>
  rateLimitConfig("RATE_LIMIT_LOGIN_ACCOUNT", "login-account", "10/5m").parse(ConfigProvider.fromUnknown(env))

const wrong = ["10", "10/", "10/5", "0/5m", "10/0m", "-1/5m", "1.5/5m", "10/5w", " 10/5m", "10/5m ", "1e3/5m", "OFF"]

describe("rateLimitConfig", () => {
  it.effect.each([
    ["10/5m", 10, 300],
    ["3/1h", 3, 3600],
    ["100/30s", 100, 30],
    ["5/1d", 5, 86_400]
  ] as const)("%s is read as a number of attempts in a window", ([text, limit, seconds]) =>
    Effect.gen(function* () {
      const parsed = Option.getOrThrow(yield* read({ RATE_LIMIT_LOGIN_ACCOUNT: text }))
      assert.deepStrictEqual(
        [parsed.name, parsed.limit, Duration.toSeconds(parsed.window)],
        ["login-account", limit, seconds]
      )
    })
  )

  it.effect("what is not set, or empty, falls back, and off is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), parseRateLimit("login-account", "10/5m"))
      assert.deepStrictEqual(yield* read({ RATE_LIMIT_LOGIN_ACCOUNT: "" }), yield* read({}))
      assert.isTrue(Option.isNone(yield* read({ RATE_LIMIT_LOGIN_ACCOUNT: "off" })))
    })
  )

  it.effect.each(wrong)("%j is refused by the variable's name, not ignored", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read({ RATE_LIMIT_LOGIN_ACCOUNT: text }))
      assert.include(error.message, `must be "off" or a limit such as "10/5m"`)
      assert.include(error.message, "RATE_LIMIT_LOGIN_ACCOUNT")
    })
  )
})

describe("RateLimited", () => {
  const error = new RateLimited({ policy: "login-account", limit: 10, windowSeconds: 300, retryAfterSeconds: 42 })

  it("is told in the RateLimit fields", () => {
    assert.strictEqual(rateLimitPolicyHeader(error), `"login-account";q=10;w=300`)
    assert.strictEqual(rateLimitHeader(error), `"login-account";r=0;t=42`)
  })

  it("a quote in a policy's name stays inside its string", () => {
    const odd = new RateLimited({ ...error, policy: `a"b\\c\n` })
    assert.strictEqual(rateLimitHeader(odd), String.raw`"a\"b\\c";r=0;t=42`)
  })

  it("tells people how long to wait", () => {
    assert.strictEqual(error.message, "Too many attempts. Try again in 42 seconds.")
  })
})
