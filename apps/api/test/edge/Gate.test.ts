import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertUnauthenticated } from "../Answers.ts"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "../node/RawHttp.ts"

const profile = "/api/v1/users/profile/"
const login = "/api/v1/users/login/"
const probes = ["/health", "/health/", "/health/live", "/health/ready", "/api/v1/users/health/", "/metrics"]

const assertRefused = (answer: Answer, message: string): void => assertFailure(answer, 403, "forbidden", message)

const from = (host: string) =>
  Effect.flatMap(TestApi, ({ url }) => RawHttp.request(url, [`GET ${profile} HTTP/1.1`, `Host: ${host}`]))

const assertSecured = ({ headers }: Answer): void => {
  assert.match(headers.get("x-request-id") ?? "", /./)
  assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
  assert.strictEqual(headers.get("cache-control"), "no-store")
}

describe("ALLOWED_HOSTS", () => {
  const environment = {
    ALLOWED_HOSTS: "api.example.com, .users.example, 127.0.0.1,[::1], API2.Example.COM, https://api3.example.com:8443"
  }
  it.layer(layerEmbedded(environment), { excludeTestServices: true })((it) => {
    it.effect("permits hosts in any case, on any port, and with a leading dot all subdomains", () =>
      Effect.gen(function* () {
        for (const host of [
          "api.example.com",
          "API.Example.COM",
          "api.example.com:8443",
          "users.example",
          "eu.users.example",
          "a.b.users.example:80",
          "127.0.0.1",
          "[::1]:8000",
          "api.example.com.",
          "api.example.com:",
          "api.example.com.:8443",
          "eu.users.example.",
          "api2.example.com",
          "api3.example.com:8443",
          "api3.example.com"
        ]) {
          assertUnauthenticated(yield* from(host))
        }
      })
    )

    it.effect("all others are refused", () =>
      Effect.gen(function* () {
        for (const host of [
          "example.com",
          "evil.api.example.com",
          "api.example.com.evil.test",
          "evilusers.example",
          "users.example.evil.test",
          "api.example.com@evil.test",
          "evil.test/.users.example",
          "evil.test:80/.users.example",
          "evil.test?.users.example",
          "evil.test#.users.example",
          "evil.test\\.users.example",
          ".users.example",
          "a..users.example",
          ""
        ]) {
          const answer = yield* from(host)
          assertRefused(answer, "This host is not served here")
          assertSecured(answer)
        }
      })
    )

    it.effect("applies to the host of an absolute form instead of the header", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const answer = yield* RawHttp.request(url, [`GET http://evil.test${profile} HTTP/1.1`, "Host: api.example.com"])
        assertRefused(answer, "This host is not served here")
      })
    )

    it.effect("does not apply to probes", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const path of probes) {
          const answer = yield* RawHttp.request(url, [`GET ${path} HTTP/1.1`, "Host: 10.1.2.3:8000"])
          assert.strictEqual(answer.status, 200, path)
        }
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("without it every host is served, and a malformed one is 400", () =>
      Effect.gen(function* () {
        for (const host of ["anything.test", "user_service:8000", ""]) assertUnauthenticated(yield* from(host))
        for (const host of ["a/b", "a@b", "a b", "a:b", "[::1", "a?b"]) {
          assertFailure(yield* from(host), 400, "malformed_json", "The Host header is not valid")
        }
      })
    )
  })
})

describe("two Host headers", () => {
  it.layer(layerEmbedded({ ALLOWED_HOSTS: "a" }), { excludeTestServices: true })((it) => {
    it.effect("are refused on every route, even if they are equal, and the connection is closed", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const path of [profile, ...probes]) {
          for (const second of ["Host: a", "host: b", "HOST:"]) {
            const sent = `GET ${path} HTTP/1.1\r\nHost: a\r\n${second}\r\n\r\n`
            const answer = RawHttp.parse(yield* RawHttp.exchange(url, sent))
            assertFailure(answer, 400, "malformed_json", "The Host header is there twice")
            assertSecured(answer)
          }
        }
      })
    )
  })
})

describe("FORCE_HTTPS", () => {
  const https = { "x-forwarded-proto": "https" }
  const hsts = "max-age=31536000"

  it.layer(layerEmbedded({ FORCE_HTTPS: "true", TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8" }), {
    excludeTestServices: true
  })((it) => {
    it.effect("redirects reads over plain HTTP to HTTPS, on its own port", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const method of ["GET", "HEAD"]) {
          const answer = yield* RawHttp.request(url, [
            `${method} ${profile}?page=1 HTTP/1.1`,
            "Host: api.example.com:8443"
          ])
          assert.strictEqual(answer.status, 308)
          assert.strictEqual(answer.headers.get("location"), `https://api.example.com${profile}?page=1`)
          assertSecured(answer)
        }
      })
    )

    it.effect("never redirects to another host or path", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const ask = (target: string, host: string) => RawHttp.request(url, [`GET ${target} HTTP/1.1`, `Host: ${host}`])
        for (const host of ["evil.test/.example.com", "api.example.com@evil.test", "evil.test?"]) {
          assertFailure(yield* ask(profile, host), 400, "malformed_json", "The Host header is not valid")
        }
        assertRefused(yield* ask("*@evil.test/", "api.example.com"), "HTTPS is required")
        for (const [target, host, location] of [
          ["/%6detrics;x?a#b", "API.example.com.:8000", "https://api.example.com/%6detrics;x?a#b"],
          ["//evil.test/", "[::1]:8000", "https://[::1]//evil.test/"],
          [`http://api.example.com:8000${profile}`, "evil.test", `https://api.example.com${profile}`]
        ] as const) {
          const answer = yield* ask(target, host)
          assert.deepStrictEqual([answer.status, answer.headers.get("location")], [308, location])
        }
      })
    )

    it.effect("refuses writes, because their credentials were already sent in the clear", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
          const answer = yield* send(method, login)
          assertRefused(answer, "HTTPS is required")
          assertSecured(answer)
        }
      })
    )

    it.effect("refuses a read without a usable host", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const answer = RawHttp.parse(yield* RawHttp.exchange(url, `GET ${profile} HTTP/1.0\r\n\r\n`))
        assertRefused(answer, "HTTPS is required")
      })
    )

    it.effect("trusts the header of a trusted proxy, and then sends Strict-Transport-Security", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const headers of [
          https,
          { ...https, "x-forwarded-for": "203.0.113.7" },
          { ...https, "x-forwarded-for": "203.0.113.7, 10.1.1.1" },
          { "x-forwarded-proto": "https, http", "x-forwarded-for": "203.0.113.7, 10.1.1.1" },
          { "x-forwarded-proto": "HTTPS" },
          { "x-forwarded-proto": "https, https" },
          { "x-forwarded-proto": "https,HTTPS", "x-forwarded-for": "203.0.113.7" },
          { "x-forwarded-proto": "https, https", "x-forwarded-for": "unknown" },
          { "x-forwarded-proto": "https, https, https", "x-forwarded-for": "203.0.113.7, 10.1.1.1" }
        ]) {
          const answer = yield* send("GET", profile, { headers })
          assertUnauthenticated(answer)
          assert.strictEqual(answer.headers.get("strict-transport-security"), hsts)
        }
      })
    )

    it.effect("treats two header lines as one", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const ask = (...protocols: ReadonlyArray<string>) =>
          RawHttp.request(url, [
            `POST ${login} HTTP/1.1`,
            "Host: a",
            "Content-Length: 0",
            ...protocols.map((protocol) => `X-Forwarded-Proto: ${protocol}`)
          ])
        assert.strictEqual((yield* ask("https", "https")).status, 422)
        for (const protocols of [
          ["https", "http"],
          ["http", "https"]
        ]) {
          assertRefused(yield* ask(...protocols), "HTTPS is required")
        }
      })
    )

    it.effect("treats no other value as HTTPS", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const headers of [
          { "x-forwarded-proto": "http" },
          { "x-forwarded-proto": "httpsx" },
          { "x-forwarded-proto": "http, https" },
          { "x-forwarded-proto": "https, http" },
          { "x-forwarded-proto": "https, http", "x-forwarded-for": "203.0.113.7" },
          { "x-forwarded-proto": "https, http, https", "x-forwarded-for": "203.0.113.7, 10.1.1.1" },
          { "x-forwarded-proto": "" },
          { "x-forwarded-proto": "," },
          { "x-forwarded-proto": "https, http", "x-forwarded-for": "198.51.100.9, 203.0.113.7" },
          { "x-forwarded-ssl": "on" },
          { forwarded: "proto=https" }
        ]) {
          const answer = yield* send("POST", login, { headers })
          assertRefused(answer, "HTTPS is required")
          assert.strictEqual(answer.headers.get("strict-transport-security"), null)
        }
      })
    )

    it.effect("does not apply to probes and metrics", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const path of probes) assert.strictEqual((yield* send("GET", path)).status, 200, path)
        assert.strictEqual((yield* send("GET", "/healthy")).status, 308)
        assert.strictEqual((yield* send("GET", "/metrics-of-others")).status, 308)
      })
    )
  })

  it.layer(layerEmbedded({ FORCE_HTTPS: "true" }), { excludeTestServices: true })((it) => {
    it.effect("ignores the header of a peer that is no trusted proxy", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const answer = yield* send("POST", login, { headers: { ...https, "x-forwarded-for": "203.0.113.7" } })
        assertRefused(answer, "HTTPS is required")
        assert.strictEqual(answer.headers.get("strict-transport-security"), null)
      })
    )
  })
})
