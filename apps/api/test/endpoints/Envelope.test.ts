import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { assertFailure, assertInvalid, assertSuccess, assertTokenExpired, assertUnauthenticated } from "../Answers.ts"
import { type Answer, freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "../node/RawHttp.ts"

const profile = "/api/v1/users/profile/"
const preferences = "/api/v1/users/preferences/"
const login = "/api/v1/users/login/"

const required = "This field is required."
const unreadable = "The request could not be read"
const tooLarge = "The request body is too large"
const notJson = "The request body is not valid JSON"
const notAnObject = "Must be an object."

const limit = 100 * 1024

/** A login in as many bytes as asked for. */
const loginOf = (bytes: number): string => {
  const text = (name: string) => JSON.stringify({ email: "ada@example.com", password: goodPassword, name })
  return text("x".repeat(bytes - text("").length))
}

/** The text as chunks of a chunked body. */
const chunked = (text: string): string => {
  const size = 8192
  const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size)
  )
  return [...chunks, ""].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")
}

const post = (path: string, ...headers: ReadonlyArray<string>) => [
  `POST ${path} HTTP/1.1`,
  "Host: test",
  "Content-Type: application/json",
  ...headers
]

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the envelope", () => {
    it.effect("has the contract's meta in responses that are no lists", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const meta = { total: 0, limit: 10, page: 1, total_pages: 0, has_next: false, has_previous: false }
        // Written as a whole, from its parts, from a cached text, and as a failure.
        const live = yield* api.send("GET", "/health/live")
        const updated = yield* api.send("PATCH", profile, { token: access, body: {} })
        const cached = yield* api.send("GET", profile, { token: access })
        const refused = yield* api.send("GET", profile)
        for (const { body } of [live, updated, cached, refused]) assert.deepStrictEqual(body.meta, meta)
      })
    )

    it.effect("has five keys and no code on success", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const live = yield* send("GET", "/health/live")
        assert.sameMembers(Object.keys(live.body), ["success", "message", "data", "error", "meta"])
        assertSuccess(live, 200, "The process answers", { status: "ok" })
      })
    )

    it.effect("is 400 for a body that is not JSON", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* (yield* TestApi).person()
        for (const body of ["{", "{'email': 1}", '{"email": 1,}', "undefined", "NaN", " ", '{"a":1} x']) {
          assertFailure(yield* send("POST", login, { body }), 400, "malformed_json", notJson)
          assertFailure(yield* send("PATCH", profile, { body, token: access }), 400, "malformed_json", notJson)
        }
      })
    )

    it.effect("is 422 under error for no body and for a body that is no object", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        for (const body of ["", "[]", "[1]", "null", "1", '"text"', "true"]) {
          assertInvalid(yield* api.send("POST", login, { body }), { error: [notAnObject] })
          assertInvalid(yield* api.send("PATCH", profile, { body, token: access }), { error: [notAnObject] })
        }
        assertInvalid(yield* api.send("POST", login), { error: [notAnObject] })
        const deep = "[".repeat(50_000) + "]".repeat(50_000)
        assertInvalid(yield* api.send("POST", login, { body: deep }), { error: [notAnObject] })
      })
    )

    it.effect("is 422 on each missing field, and unknown fields are ignored", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        assertInvalid(yield* api.send("POST", login, { body: {} }), { email: [required], password: [required] })
        const { access } = yield* api.person()
        const body = `{"role":"admin","__proto__":{"is_staff":true},"constructor":1,"id":"x","profile":{"bio":"b","age":1}}`
        const answer = yield* api.send("PATCH", profile, { token: access, body })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.body.data.profile.bio, "b")
        assert.notInclude(answer.text, "admin")
      })
    )

    it.effect("is 422 on the field for a NUL or a lone surrogate in a text", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const send = (path: string, method: string, body: string) => api.send(method, path, { token: access, body })
        const nul = "Null characters are not allowed."
        const lone = "Enter valid Unicode text."
        const cases: ReadonlyArray<readonly [text: string, message: string]> = [
          ["a\\u0000b", nul],
          ["\\ud800", lone],
          ["a\\udc00b", lone]
        ]
        for (const [text, message] of cases) {
          assertInvalid(
            yield* send(profile, "PATCH", `{"profile":{"first_name":"${text}","last_name":"${text}","bio":"${text}"}}`),
            { profile: { first_name: [message], last_name: [message], bio: [message] } }
          )
          assertInvalid(
            yield* send(
              "/api/v1/users/push-tokens/",
              "POST",
              `{"token":"${text}","platform":"web","device_id":"${text}","device_name":"${text}"}`
            ),
            { token: [message], device_id: [message], device_name: [message] }
          )
          assertInvalid(
            yield* send(
              "/api/v1/users/register/",
              "POST",
              `{"email":"${freshEmail()}","password":"long enough ${text}"}`
            ),
            { password: [message] }
          )
          assertInvalid(
            yield* send(login, "POST", `{"email":"ada@example.com","password":"${text}","device_name":"${text}"}`),
            { password: [message], device_name: [message] }
          )
        }
      })
    )

    it.effect("accepts text beyond the basic plane, and an escaped backslash before a surrogate's number", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const bio = "𝄞 \\ud83d 👩‍👩‍👧 \u202e\u0001"
        const answer = yield* api.send("PATCH", profile, { token: access, body: { profile: { bio } } })
        assert.strictEqual(answer.body.data.profile.bio, bio)
      })
    )

    it.effect("accepts a body of 100 KiB; one byte more is 413 and closes the connection", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const fits = yield* send("POST", login, { body: loginOf(limit) })
        assertFailure(fits, 401, "invalid_credentials", "Invalid email or password")
        const over = yield* send("POST", login, { body: loginOf(limit + 1) })
        assertFailure(over, 413, "payload_too_large", tooLarge)
        assert.strictEqual(over.headers.get("connection"), "close")
      })
    )

    it.effect("applies the same limit to a chunked body", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const head = post(login, "Transfer-Encoding: chunked")
        const fits = yield* RawHttp.request(url, head, chunked(loginOf(limit)))
        assertFailure(fits, 401, "invalid_credentials", "Invalid email or password")
        const over = yield* RawHttp.request(url, head, chunked(loginOf(limit + 1)))
        assertFailure(over, 413, "payload_too_large", tooLarge)
        assert.strictEqual(over.headers.get("connection"), "close")
      })
    )

    it.effect("cuts off an endless body", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const answer = yield* RawHttp.request(url, post(login, "Content-Length: 1000000000"), "x".repeat(2 * limit))
        assertFailure(answer, 413, "payload_too_large", tooLarge)
      })
    )

    it.effect("is 415 for another media type; parameters and a missing type are accepted", () =>
      Effect.gen(function* () {
        const { send, url } = yield* TestApi
        const message = "The request body must be application/json"
        const body = JSON.stringify({ email: "ada@example.com", password: goodPassword })
        for (const type of [
          "text/plain",
          "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=x",
          "application/xml",
          "application/jsonp",
          "nonsense"
        ]) {
          const answer = yield* send("POST", login, { body, headers: { "content-type": type } })
          assertFailure(answer, 415, "unsupported_media_type", message)
        }
        for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]) {
          const answer = yield* send("POST", login, { body, headers: { "content-type": type } })
          assertFailure(answer, 401, "invalid_credentials", "Invalid email or password")
        }
        const untyped = yield* RawHttp.request(
          url,
          [`POST ${login} HTTP/1.1`, "Host: test", `Content-Length: ${body.length}`],
          body
        )
        assertFailure(untyped, 401, "invalid_credentials", "Invalid email or password")
      })
    )

    it.effect(
      "checks the route, the method, the credentials, the media type and size, JSON and fields in this order",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const { access: token } = yield* api.person()
          const bad = { body: `{"frequency_limit": "x"`.padEnd(limit + 1), headers: { "content-type": "text/plain" } }
          const json = { "content-type": "application/json" }
          assertFailure(yield* api.send("PATCH", "/api/v1/users/none/", bad), 404, "not_found", "No such route")
          assertFailure(
            yield* api.send("POST", preferences, bad),
            405,
            "method_not_allowed",
            "Method POST is not allowed here"
          )
          assertUnauthenticated(yield* api.send("PATCH", preferences, bad))
          assert.strictEqual((yield* api.send("PATCH", preferences, { ...bad, token })).status, 415)
          assertFailure(
            yield* api.send("PATCH", preferences, { ...bad, token, headers: json }),
            413,
            "payload_too_large",
            tooLarge
          )
          assertFailure(
            yield* api.send("PATCH", preferences, { body: bad.body.trim(), token, headers: json }),
            400,
            "malformed_json",
            notJson
          )
          // And a precondition after the fields.
          assertInvalid(
            yield* api.send("PATCH", preferences, {
              token,
              headers: { "if-match": `"99"` },
              body: { frequency_limit: "x" }
            }),
            { frequency_limit: ["A valid number is required."] }
          )
          yield* api.pass("61 minutes")
          assertTokenExpired(yield* api.send("PATCH", preferences, { ...bad, token }))
        })
    )

    it.effect("leaves the connection usable after a refused body", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const body = "[]"
        const once = [...post(login, `Content-Length: ${body.length}`), "", body].join("\r\n")
        const text = yield* RawHttp.exchange(url, once, once.replace("Host", "Connection: close\r\nHost"))
        assert.strictEqual(text.match(/HTTP\/1\.1 422 /g)?.length, 2)
      })
    )
  })

  describe("what is hardly HTTP", () => {
    it.effect("is answered with the envelope, and the connection is closed", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const text of [
          "\r\n\r\nNONSENSE\r\n\r\n",
          "GET\r\n\r\n",
          "GET /health HTTP/3.7\r\nHost: test\r\n\r\n",
          "GET /health HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "GET /health HTTP/1.1\r\nHost: test\r\nno colon\r\n\r\n",
          "POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        ]) {
          const answer = RawHttp.parse(yield* RawHttp.exchange(url, Buffer.from(text, "latin1")))
          assertFailure(answer, 400, "malformed_json", unreadable)
          assert.strictEqual(answer.headers.get("connection"), "close")
        }
      })
    )

    it.effect("a head that is too long is 431", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const answer = yield* RawHttp.request(url, [
          "GET /health HTTP/1.1",
          "Host: test",
          `X-Long: ${"x".repeat(17_000)}`
        ])
        assertFailure(answer, 431, "payload_too_large", "The request headers are too large")
      })
    )

    it.effect("a malformed chunked body is refused", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const text = yield* RawHttp.exchange(
          url,
          `${post(login, "Transfer-Encoding: chunked").join("\r\n")}\r\n\r\n5\r\n{"ema\r\nnot a size\r\n`
        )
        assertFailure(RawHttp.parse(text), 400, "malformed_json", unreadable)
      })
    )

    it.effect("HTTP/1.1 without a Host is 400, HTTP/1.0 without one is served", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const without = yield* RawHttp.request(url, ["GET /health/live HTTP/1.1"])
        assertFailure(without, 400, "malformed_json", "The Host header is required")
        const old = RawHttp.parse(yield* RawHttp.exchange(url, "GET /health/live HTTP/1.0\r\n\r\n"))
        assertSuccess(old, 200, "The process answers", { status: "ok" })
      })
    )

    it.effect("an unknown expectation and an unsupported upgrade are ignored", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const head = ["GET /health/live HTTP/1.1", "Host: test"]
        for (const lines of [
          ["Expect: the-unexpected"],
          ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
          ["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
        ]) {
          const text = yield* RawHttp.exchange(
            url,
            `${[...head, ...lines, lines.length > 1 ? "Connection: close, Upgrade" : "Connection: close"].join("\r\n")}\r\n\r\n`
          )
          assertSuccess(RawHttp.parse(text), 200, "The process answers", { status: "ok" })
        }
      })
    )

    it.effect("CONNECT is refused", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const text = yield* RawHttp.exchange(
          url,
          "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"
        )
        assertFailure(RawHttp.parse(text), 400, "malformed_json", unreadable)
      })
    )

    it.effect("the absolute form of a path reaches that path", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const answer = yield* RawHttp.request(url, [`GET http://elsewhere.example${profile} HTTP/1.1`, "Host: test"])
        assertUnauthenticated(answer)
      })
    )

    it.effect("a client that disconnects during its request does no harm", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        yield* Effect.raceFirst(
          RawHttp.exchange(api.url, `${post(login, "Content-Length: 500").join("\r\n")}\r\n\r\n{"email":`),
          api.send("GET", "/health/live")
        )
        assertSuccess(yield* api.send("GET", "/health/live"), 200, "The process answers", { status: "ok" })
      })
    )
  })
})

describe("our own mistakes", () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("an unexpected failure is 500 without details, which are in the log without credentials", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, password, refresh } = yield* api.person()
        yield* api.sql`alter table push_tokens rename to push_tokens_elsewhere`
        const token = "a-device's-own-secret"
        const answer = yield* api.send("POST", "/api/v1/users/push-tokens/", {
          token: access,
          headers: { "x-request-id": "the-lost-table" },
          body: { token, platform: "web" }
        })
        assertFailure(answer, 500, "internal_error", "An internal error occurred")
        assert.strictEqual(answer.headers.get("x-request-id"), "the-lost-table")
        for (const word of ["push_tokens", "select", "Error", "    at ", ".ts"]) assert.notInclude(answer.text, word)

        const lines = (yield* api.log).filter((line) => line["request_id"] === "the-lost-table")
        const said = JSON.stringify(lines)
        assert.include(said, "Unexpected error while handling a request")
        assert.include(said, "push_tokens")
        for (const secret of [access, refresh, password, token]) assert.notInclude(said, secret)

        yield* api.sql`alter table push_tokens_elsewhere rename to push_tokens`
        const again = yield* api.send("POST", "/api/v1/users/push-tokens/", {
          token: access,
          body: { token, platform: "web" }
        })
        assert.strictEqual(again.status, 201)
      })
    )
  })
})

describe("a request that takes too long", () => {
  // One hash takes seconds.
  it.layer(layerEmbedded({ BCRYPT_COST: "15" }), { excludeTestServices: true })((it) => {
    it.effect("is 503 with Retry-After, and the service continues", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const attempt = yield* Effect.forkChild(
          api.send("POST", login, { body: { email: freshEmail(), password: goodPassword } })
        )
        const isUnderWay = (answer: Answer) => /^http_server_active_requests 2$/m.test(answer.text)
        yield* api.send("GET", "/metrics").pipe(Effect.repeat({ until: isUnderWay }))
        yield* api.pass("20 seconds")
        const answer = yield* Fiber.join(attempt)
        assertFailure(answer, 503, "service_unavailable", "The request took too long")
        assert.strictEqual(answer.headers.get("retry-after"), "1")
        assertSuccess(yield* api.send("GET", "/health/live"), 200, "The process answers", { status: "ok" })
      })
    )
  })
})
