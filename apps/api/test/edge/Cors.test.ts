import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure } from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const profile = "/api/v1/users/profile/"
const login = "/api/v1/users/login/"
const ours = "https://app.example.com"
const alsoOurs = "https://admin.example.com"

const listOf = (value: string | null) => (value ?? "").split(",").map((item) => item.trim())

const preflight = (origin: string, method = "PATCH") =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("OPTIONS", profile, {
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type"
      }
    })
  )

describe("CORS_ALLOWED_ORIGINS", () => {
  it.layer(layerEmbedded({ CORS_ALLOWED_ORIGINS: `${ours}/, HTTPS://Admin.Example.com:443` }), {
    excludeTestServices: true
  })((it) => {
    it.effect("a preflight from each of them is answered with the permitted methods and headers", () =>
      Effect.gen(function* () {
        for (const origin of [ours, alsoOurs]) {
          const { headers, status, text } = yield* preflight(origin)
          assert.deepStrictEqual([status, text], [204, ""])
          assert.strictEqual(headers.get("access-control-allow-origin"), origin)
          assert.sameMembers(listOf(headers.get("access-control-allow-methods")), [
            "GET",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE"
          ])
          assert.sameMembers(listOf(headers.get("access-control-allow-headers")), [
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "X-Request-Id",
            "traceparent",
            "tracestate"
          ])
          assert.strictEqual(headers.get("access-control-max-age"), "600")
          assert.include(headers.get("vary"), "Origin")
          // Tokens go in a header: cookies are of no use here.
          assert.strictEqual(headers.get("access-control-allow-credentials"), null)
        }
      })
    )

    it.effect("they can read responses, including failures, and the headers that a client needs", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const headers = { origin: ours }
        for (const answer of [
          yield* api.send("GET", profile, { token: access, headers }),
          yield* api.send("GET", profile, { headers }),
          yield* api.send("GET", "/nowhere", { headers }),
          yield* api.send("DELETE", login, { headers }),
          yield* api.send("POST", login, { body: "{", headers }),
          yield* api.send("POST", login, { body: {}, headers }),
          yield* api.send("POST", login, { body: " ".repeat(102_401), headers })
        ]) {
          assert.strictEqual(answer.headers.get("access-control-allow-origin"), ours, String(answer.status))
          assert.include(answer.headers.get("vary"), "Origin")
          assert.sameMembers(listOf(answer.headers.get("access-control-expose-headers")), [
            "ETag",
            "Retry-After",
            "RateLimit",
            "RateLimit-Policy",
            "X-Request-Id"
          ])
        }
      })
    )

    it.effect("no other origin is permitted", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const origin of [
          "https://evil.test",
          "http://app.example.com",
          `${ours}.evil.test`,
          `${ours}:8443`,
          "null"
        ]) {
          assert.strictEqual((yield* preflight(origin)).headers.get("access-control-allow-origin"), null, origin)
          const answer = yield* send("GET", profile, { headers: { origin } })
          assert.strictEqual(answer.headers.get("access-control-allow-origin"), null, origin)
          assert.include(answer.headers.get("vary"), "Origin", origin)
        }
      })
    )

    it.effect("an OPTIONS request that is no preflight is treated as any other method", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const headers of [{}, { origin: ours }]) {
          const answer = yield* send("OPTIONS", profile, { headers })
          assertFailure(answer, 405, "method_not_allowed", "Method OPTIONS is not allowed here")
          assert.strictEqual(answer.headers.get("allow"), "GET, DELETE, PUT, PATCH, HEAD")
        }
      })
    )
  })

  it.layer(layerEmbedded({ CORS_ALLOWED_ORIGINS: ours }), { excludeTestServices: true })((it) => {
    it.effect("a single origin is the only permitted one", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const allowed = yield* send("GET", profile, { headers: { origin: ours } })
        assert.strictEqual(allowed.headers.get("access-control-allow-origin"), ours)
        const other = yield* send("GET", profile, { headers: { origin: "https://evil.test" } })
        assert.notStrictEqual(other.headers.get("access-control-allow-origin"), "https://evil.test")
        assert.notStrictEqual(other.headers.get("access-control-allow-origin"), "*")
        assert.include(other.headers.get("vary"), "Origin")
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("without it no origin is permitted, and OPTIONS is no method", () =>
      Effect.gen(function* () {
        const answer = yield* preflight(ours)
        assertFailure(answer, 405, "method_not_allowed", "Method OPTIONS is not allowed here")
        assert.strictEqual(answer.headers.get("access-control-allow-origin"), null)
      })
    )
  })
})
