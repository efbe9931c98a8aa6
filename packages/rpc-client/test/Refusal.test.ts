import { assert, describe, it } from "@effect/vitest"
import { RateLimited, rateLimitPolicyHeader } from "@user-service/domain/RateLimit"
import { Unauthenticated } from "@user-service/domain/ServiceAccess"
import { failureBody } from "@user-service/schema/Envelope"
import { Effect } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { refusalIn } from "../src/Refusal.ts"

const answered = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  HttpClientResponse.fromWeb(
    HttpClientRequest.post("http://127.0.0.1/rpc"),
    new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers })
  )

describe("an answer without the answers to calls", () => {
  it.effect("is the refusal of the key for the reason that it says", () =>
    Effect.gen(function* () {
      for (const reason of ["missing", "unknown", "expired"] as const) {
        const refusal = new Unauthenticated({ reason })
        const body = failureBody({ code: "invalid_credentials", message: refusal.message })
        assert.deepStrictEqual(yield* refusalIn(answered(401, body)), refusal)
      }
    })
  )

  it.effect("is a limit with the wait that it says", () =>
    Effect.gen(function* () {
      const refusal = new RateLimited({ policy: "service-key-ip", limit: 2, windowSeconds: 60, retryAfterSeconds: 42 })
      const body = failureBody({ code: "rate_limited", message: refusal.message })
      const headers = { "ratelimit-policy": rateLimitPolicyHeader(refusal), "retry-after": "42" }
      assert.deepStrictEqual(yield* refusalIn(answered(429, body, headers)), refusal)
      assert.isUndefined(yield* refusalIn(answered(429, body)))
    })
  )

  it.effect("is none of the service where another server answered", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* refusalIn(answered(401, "<html>Log in</html>")))
      const body = failureBody({ code: "invalid_credentials", message: "Log in" })
      assert.isUndefined(yield* refusalIn(answered(401, body)))
    })
  )
})
