import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "../node/RawHttp.ts"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const users = "/api/v1/users"

/** One answer of every kind the API has, by what it is. */
const everyKind = Effect.gen(function* () {
  const { person, send, url } = yield* TestApi
  const { access: token, refresh } = yield* person()
  const register = (email: string) => ({ body: { email, password: goodPassword } })
  const pushToken = yield* send("POST", `${users}/push-tokens/`, { token, body: { token: "t", platform: "web" } })
  const host = "Host: test"
  return {
    "a read from the cache": yield* send("GET", `${users}/profile/`, { token }),
    "a HEAD": yield* send("HEAD", `${users}/profile/`, { token }),
    "a page of a list": yield* send("GET", `${users}/push-tokens/`, { token }),
    created: yield* send("POST", `${users}/register/`, register(freshEmail())),
    "with an ETag": yield* send("GET", `${users}/preferences/`, { token }),
    "without a body": yield* send("DELETE", `${users}/push-tokens/${pushToken.body.data.id}/`, { token }),
    refreshed: yield* send("POST", `${users}/token/refresh/`, { body: { refresh } }),
    health: yield* send("GET", "/health"),
    metrics: yield* send("GET", "/metrics"),
    "the JWKS": yield* send("GET", "/.well-known/jwks.json"),
    "the schema": yield* send("GET", "/api/schema"),
    "the messages": yield* send("GET", "/api/asyncapi"),
    "a page": yield* send("GET", "/api/docs/swagger"),
    "a page without a script": yield* send("GET", "/api/docs"),
    "a redirect": yield* send("GET", "/"),
    "an asset": yield* send("GET", "/api/docs/assets/swagger.css"),
    "malformed JSON": yield* send("POST", `${users}/login/`, { body: "{" }),
    "no credentials": yield* send("GET", `${users}/profile/`),
    "a bad token": yield* send("GET", `${users}/profile/`, { token: "x" }),
    "a wrong password": yield* send("POST", `${users}/login/`, register(freshEmail())),
    "no route": yield* send("GET", "/nowhere"),
    "nothing of that id": yield* send("GET", `${users}/push-tokens/x/`, { token }),
    "no file of that name": yield* send("GET", "/api/docs/assets/x.js"),
    "no such method": yield* send("PUT", `${users}/login/`),
    "an OPTIONS": yield* send("OPTIONS", `${users}/login/`),
    "a stale If-Match": yield* send("PATCH", `${users}/preferences/`, {
      token,
      headers: { "if-match": `"99"` },
      body: {}
    }),
    "too large": yield* send("POST", `${users}/login/`, { body: " ".repeat(102_401) }),
    "not JSON": yield* send("POST", `${users}/login/`, { body: "a", headers: { "content-type": "text/plain" } }),
    "bad fields": yield* send("POST", `${users}/login/`, { body: {} }),
    "no HTTP": RawHttp.parse(yield* RawHttp.exchange(url, "NONSENSE\r\n\r\n")),
    "no host": yield* RawHttp.request(url, ["GET /health HTTP/1.1"]),
    "a long head": yield* RawHttp.request(url, ["GET /health HTTP/1.1", host, `X: ${"x".repeat(17_000)}`])
  }
})

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the headers of every answer", () => {
    it.effect("prevent content sniffing, framing and sharing in every response", () =>
      Effect.gen(function* () {
        const answers = yield* everyKind
        for (const [kind, { headers, status }] of Object.entries(answers)) {
          const name = `${kind}, ${status}`
          assert.strictEqual(headers.get("x-content-type-options"), "nosniff", name)
          assert.strictEqual(headers.get("x-frame-options"), "DENY", name)
          assert.strictEqual(headers.get("referrer-policy"), "no-referrer", name)
          assert.strictEqual(headers.get("cross-origin-resource-policy"), "same-origin", name)
          assert.include(headers.get("content-security-policy"), "default-src 'none'", name)
          assert.include(headers.get("content-security-policy"), "frame-ancestors 'none'", name)
          assert.strictEqual(headers.get("server"), null, name)
          assert.strictEqual(headers.get("x-powered-by"), null, name)
          assert.strictEqual(headers.get("strict-transport-security"), null, `${name}: this is plain HTTP`)
          const isPublic = ["the JWKS", "an asset"].includes(kind)
          if (!isPublic) assert.strictEqual(headers.get("cache-control"), "no-store", name)
        }
      })
    )

    it.effect("contain a new X-Request-Id each time", () =>
      Effect.gen(function* () {
        const answers = yield* everyKind
        const ids = Object.entries(answers).map(([kind, { headers }]) => {
          const id = headers.get("x-request-id") ?? ""
          assert.match(id, uuid, kind)
          return id
        })
        assert.strictEqual(new Set(ids).size, ids.length)
      })
    )

    it.effect("contain a challenge in a 401 and in no other response", () =>
      Effect.gen(function* () {
        const answers = yield* everyKind
        for (const [kind, { headers, status }] of Object.entries(answers)) {
          const asks = headers.get("www-authenticate")
          assert.strictEqual(asks, status === 401 ? `Bearer realm="user-service"` : null, kind)
        }
      })
    )
  })

  describe("X-Request-Id", () => {
    it.effect("is the client's if it has 1 to 128 printable ASCII characters", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const id of ["a", "x".repeat(128), `with "spaces" and ~!@#$%^&*(){}<>,;`, "01JD3V6Q2H-0"]) {
          const { headers } = yield* send("GET", "/nowhere", { headers: { "x-request-id": id } })
          assert.strictEqual(headers.get("x-request-id"), id)
        }
      })
    )

    it.effect("is generated otherwise", () =>
      Effect.gen(function* () {
        const { send, url } = yield* TestApi
        for (const id of ["", "x".repeat(129), "a\tb"]) {
          const { headers } = yield* send("GET", "/nowhere", { headers: { "x-request-id": id } })
          assert.match(headers.get("x-request-id") ?? "", uuid, JSON.stringify(id))
        }
        const foreign = yield* RawHttp.request(url, ["GET /nowhere HTTP/1.1", "Host: test", "X-Request-Id: ü"])
        assert.match(foreign.headers.get("x-request-id") ?? "", uuid)
        const twice = yield* RawHttp.request(url, [
          "GET /nowhere HTTP/1.1",
          "Host: test",
          `X-Request-Id: ${"a".repeat(100)}`,
          `X-Request-Id: ${"b".repeat(100)}`
        ])
        assert.match(twice.headers.get("x-request-id") ?? "", uuid)
      })
    )

    it.effect("is in the access log line, with the route, the user and the address, but without the path", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        yield* api.send("GET", `/api/v1/users/push-tokens/${id}/?token=${access}`, {
          token: access,
          headers: { "x-request-id": "line-1", "user-agent": "test" }
        })
        const lines = (yield* api.log).filter((line) => line["request_id"] === "line-1")
        assert.strictEqual(lines.length, 1)
        const { duration_ms, timestamp, ...line } = lines[0] ?? {}
        assert.deepStrictEqual(line, {
          level: "info",
          message: "GET /api/v1/users/push-tokens/:id/ 404",
          request_id: "line-1",
          method: "GET",
          route: "/api/v1/users/push-tokens/:id/",
          status: 404,
          user_id: id,
          ip: "127.0.0.1"
        })
        assert.isNumber(duration_ms)
        assert.isString(timestamp)
      })
    )
  })

  describe("traceparent", () => {
    it.effect("is ignored if it is malformed", () =>
      Effect.gen(function* () {
        const { log, send } = yield* TestApi
        const broken = ["", "x", "00-0-0-01", `00-${"0".repeat(32)}-b7ad6b7169203331-01`]
        for (const [index, traceparent] of broken.entries()) {
          yield* send("GET", "/nowhere", { headers: { traceparent, "x-request-id": `broken-${index}` } })
          const line = (yield* log).find((line) => line["request_id"] === `broken-${index}`)
          assert.isDefined(line)
          assert.isUndefined(line?.["trace_id"], traceparent)
        }
      })
    )

    it.effect("continues in events and in the log", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        const trace = "0af7651916cd43dd8448eb211c80319c"
        yield* api.send("PATCH", "/api/v1/users/profile/", {
          token: access,
          headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, "x-request-id": "traced" },
          body: { username: `u${id.slice(-12)}` }
        })
        const [event] = yield* api.sql<{ readonly traceparent: string | null }>`
          select traceparent from outbox where user_id = ${id} and event_type = 'UserUpdated'`
        assert.match(event?.traceparent ?? "", new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
        assert.notInclude(event?.traceparent, "b7ad6b7169203331")
        const line = (yield* api.log).find((line) => line["request_id"] === "traced")
        assert.strictEqual(line?.["trace_id"], trace)
      })
    )
  })
})
