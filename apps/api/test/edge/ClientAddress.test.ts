import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "../node/RawHttp.ts"

/** The client's address as the log has it, for a request with these lines in its head. */
const addressOf = (...lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { log, url } = yield* TestApi
    const id = randomUUID()
    yield* RawHttp.request(url, ["GET /nowhere HTTP/1.1", "Host: test", `X-Request-Id: ${id}`, ...lines])
    const line = (yield* log).find((line) => line["request_id"] === id && line["status"] === 404)
    return line?.["ip"]
  })

const forwarded = (value: string) => addressOf(`X-Forwarded-For: ${value}`)

describe("the client's address", () => {
  it.layer(layerEmbedded({ TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48" }), {
    excludeTestServices: true
  })((it) => {
    it.effect("is the peer's if nothing was forwarded", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* addressOf(), "127.0.0.1")
      })
    )

    it.effect("is the rightmost address that is not a trusted proxy", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* forwarded("203.0.113.7"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("203.0.113.7, 10.1.2.3"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("203.0.113.7,10.1.2.3 , 2001:db8:ffff::9,10.9.9.9"), "203.0.113.7")
      })
    )

    it.effect("is not an entry that the client added", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* forwarded("6.6.6.6, 203.0.113.7"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("127.0.0.1, 203.0.113.7"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("6.6.6.6, 10.0.0.1, 203.0.113.7, 10.0.0.2"), "203.0.113.7")
      })
    )

    it.effect("is read from all lines of the header", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          yield* addressOf(
            "X-Forwarded-For: 6.6.6.6",
            "X-Forwarded-For: 203.0.113.7, 10.0.0.1",
            "X-Forwarded-For: 10.0.0.2"
          ),
          "203.0.113.7"
        )
        assert.strictEqual(
          yield* addressOf("X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 198.51.100.9"),
          "198.51.100.9"
        )
      })
    )

    it.effect("is the leftmost if all are trusted, and the proxy's if an entry is no address", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* forwarded("10.0.0.1, 10.0.0.2"), "10.0.0.1")
        for (const value of ["unknown", "", "203.0.113.7, unknown", "203.0.113.300"]) {
          assert.strictEqual(yield* forwarded(value), "127.0.0.1", value)
        }
      })
    )

    it.effect("has one form, without the port", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* forwarded("203.0.113.7:5000"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("::ffff:203.0.113.7"), "203.0.113.7")
        assert.strictEqual(yield* forwarded("[2001:0DB8:0:0::1]:5000"), "2001:db8::1")
        assert.strictEqual(yield* forwarded("2001:DB8::0:1"), "2001:db8::1")
      })
    )

    it.effect("is stored in the session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { body } = yield* api.send("POST", "/api/v1/users/login/", {
          body: { email: person.email, password: person.password },
          headers: { "x-forwarded-for": "6.6.6.6, 2001:db8::7, 10.0.0.1" }
        })
        const sessions = yield* api.send("GET", "/api/v1/users/sessions/", { token: body.data.tokens.access })
        assert.deepStrictEqual(
          sessions.body.data.map(({ ip }: { ip: string }) => ip),
          ["2001:db8::7", "127.0.0.1"]
        )
      })
    )

    it.effect("a trusted proxy causes no warning", () =>
      Effect.gen(function* () {
        yield* forwarded("203.0.113.7")
        const warnings = (yield* (yield* TestApi).log).filter((line) => line["level"] === "warn")
        assert.deepStrictEqual(warnings, [])
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("is the peer's if the peer is not trusted, which is logged once as a warning", () =>
      Effect.gen(function* () {
        for (const value of ["203.0.113.7", "127.0.0.1", "10.0.0.1, 10.0.0.2", "unknown"]) {
          assert.strictEqual(yield* forwarded(value), "127.0.0.1", value)
        }
        assert.strictEqual(yield* addressOf("Forwarded: for=203.0.113.7", "X-Real-IP: 203.0.113.7"), "127.0.0.1")
        const warnings = (yield* (yield* TestApi).log).filter((line) => line["level"] === "warn")
        assert.strictEqual(warnings.length, 1)
        assert.deepInclude(warnings[0], {
          message: "X-Forwarded-For is ignored: it comes from a peer that TRUSTED_PROXIES does not name",
          peer: "127.0.0.1"
        })
        assert.isString(warnings[0]?.["request_id"])
      })
    )
  })

  it.layer(layerEmbedded({ TRUSTED_PROXIES: "10.0.0.0/8" }), { excludeTestServices: true })((it) => {
    it.effect("is the peer's if only other proxies are trusted", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* forwarded("203.0.113.7"), "127.0.0.1")
        assert.strictEqual(yield* forwarded("203.0.113.7, 10.0.0.1"), "127.0.0.1")
      })
    )
  })
})
