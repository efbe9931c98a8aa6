import { assert, describe, it } from "@effect/vitest"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect } from "effect"
import { HttpApi } from "effect/http-api"
import { routeOf } from "../../src/endpoints/Routes.ts"
import { assertFailure, assertUnauthenticated } from "../Answers.ts"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "../node/RawHttp.ts"
import { absentId, allowOf, routes, isOpen } from "./Routes.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

// Methods that a request without a body has.
const bodyless = new Set(["GET", "HEAD", "DELETE", "OPTIONS"])

const withoutSlash = (path: string) => path.replace(/\/$/, "")

describe("routes", () => {
  it("all endpoints of the API are in the list of the tests", () => {
    const declared: Array<string> = []
    HttpApi.reflect(UserServiceApi, {
      onGroup: () => undefined,
      onEndpoint: ({ endpoint }) =>
        declared.push(`${endpoint.method} ${withoutSlash(endpoint.path).replaceAll(/:\w+/g, absentId)}`)
    })
    const listed = new Set(
      routes.flatMap(({ methods, path }) => methods.map((method) => `${method} ${withoutSlash(path)}`))
    )
    assert.deepStrictEqual(
      declared.filter((endpoint) => !listed.has(endpoint)),
      []
    )
  })

  it("exactly those that hash a password are marked", () => {
    const hashing = routes.flatMap(({ methods, path }) =>
      methods.filter((method) => routeOf(method, path)?.hashesPassword === true).map((method) => `${method} ${path}`)
    )
    assert.sameMembers(hashing, [
      "POST /api/v1/users/register/",
      "POST /api/v1/users/login/",
      "POST /api/v1/admin/session/",
      "POST /api/v1/admin/users/",
      "DELETE /api/v1/users/profile/",
      "POST /api/v1/users/change-password/",
      "POST /api/v1/users/change-email/",
      "POST /api/v1/users/password-reset/confirm/"
    ])
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("every path gives the same answer with and without a trailing slash, without a redirect", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const { methods, open, path } of routes) {
          for (const method of methods) {
            const body = bodyless.has(method) ? {} : { body: {} }
            const withSlash = yield* api.send(method, path, body)
            const without = yield* api.send(method, withoutSlash(path), body)
            const name = `${method} ${path}`
            assert.strictEqual(without.status, withSlash.status, name)
            assert.notInclude([404, 405], withSlash.status, name)
            assert.isFalse(withSlash.status >= 300 && withSlash.status < 400, name)
            assert.strictEqual(without.headers.get("location"), null, name)
            // A metric and a health answer tell of the moment.
            if (!open || method === "POST") assert.strictEqual(without.text, withSlash.text, name)
          }
        }
      })
    )

    const asked = (url: string, path: string) => RawHttp.request(url, [`GET ${path} HTTP/1.1`, "Host: a"])

    it.effect("a path with additional slashes is not found, so that no proxy rule is bypassed", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const path of routes.map((route) => withoutSlash(route.path))) {
          for (const spelled of [`/${path}`, path.replace(/\/(?=[^/]*$)/, "//")]) {
            assertFailure(yield* asked(url, spelled), 404, "not_found", "No such route")
          }
        }
      })
    )

    it.effect("a path in another case, encoded or with dots is not found", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const notFound = (answer: Answer) => assertFailure(answer, 404, "not_found", "No such route")
        const encoded = (character: string) => `%${character.charCodeAt(0).toString(16)}`
        for (const { methods, path: declared } of routes) {
          const path = withoutSlash(declared)
          const ask = (target: string) =>
            RawHttp.request(url, [`${methods[0]} ${target} HTTP/1.1`, "Host: a", "Content-Length: 0"])
          for (const target of [
            path.replace(/[a-z]/, (letter) => letter.toUpperCase()),
            path.toUpperCase(),
            path.replace(/[a-z]/, encoded),
            path.replace(/[a-z]/, (letter) => encoded(letter).toUpperCase()),
            path.replace(/[a-z](?=[^a-z]*$)/, encoded),
            path.replaceAll(/[-._\d]/g, encoded).replace(/[a-z]/, encoded),
            `/.${path}`,
            `/x/..${path}`,
            `/%2e${path}`,
            `${path}#x`,
            // A URL parser resolves these.
            `http://a/.${path}`,
            `http://a/x/..${path}`,
            `http://a/%2e${path}`,
            // It finds no host here.
            `http://[${path}`
          ]) {
            notFound(yield* ask(target))
          }
          // Where any id can stand it is one that nobody has.
          const inCapitals = yield* ask(path.replace(/[^/]+$/, (last) => last.toUpperCase()))
          if (/[a-z][^/]*$/.test(path)) assert.include([401, 404, 405], inCapitals.status, path)
          assert.notStrictEqual((yield* ask(`http://a${path}`)).status, 404, path)
        }
        assert.strictEqual((yield* asked(url, "/health/live?a=%6d&b=/./")).status, 200)
      })
    )

    it.effect("a semicolon in a path has no special meaning", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const path of routes.map((route) => withoutSlash(route.path))) {
          for (const tail of [";x", "/;x", ";x?a=b"]) {
            const { body, status } = yield* asked(url, path + tail)
            const encoded = yield* asked(url, path + tail.replace(";", "%3B"))
            assert.deepStrictEqual({ body, status }, { body: encoded.body, status: encoded.status })
            assert.include([401, 404, 405], status)
          }
        }
        assert.strictEqual((yield* asked(url, "/metrics;x")).status, 404)
        assert.strictEqual((yield* asked(url, "/health/live?a;b")).status, 200)
      })
    )

    it.effect("all paths but the listed ones check a token or a key first", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const route of routes) {
          const { methods, path } = route
          for (const method of methods) {
            // A logout takes a refresh token for a credential.
            const answer = yield* api.send(method, path, bodyless.has(method) ? {} : { body: { refresh: "x" } })
            if (isOpen(route, method)) assert.notStrictEqual(answer.body?.code, "authentication_required", path)
            else if (!path.startsWith("/internal/") && path !== "/rpc/") assertUnauthenticated(answer)
            else assertFailure(answer, 401, "authentication_required", "An API key was not provided")
          }
        }
      })
    )

    it.effect("an unsupported method is 405, with the supported ones in Allow", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const route of routes) {
          const allowed = allowOf(route)
          for (const method of methods.filter((method) => !allowed.includes(method))) {
            for (const path of [route.path, withoutSlash(route.path), `${route.path}?page=1`]) {
              const answer = yield* api.send(method, path)
              const name = `${method} ${path}`
              assert.strictEqual(answer.status, 405, name)
              assert.sameMembers(answer.headers.get("allow")?.split(", ") ?? [], [...allowed], name)
              if (method === "HEAD") assert.strictEqual(answer.text, "", name)
              else assertFailure(answer, 405, "method_not_allowed", `Method ${method} is not allowed here`)
            }
          }
        }
      })
    )

    it.effect("methods of other protocols are 405 or malformed", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const method of ["TRACE", "PROPFIND", "PURGE"]) {
          const answer = yield* RawHttp.request(url, [`${method} /api/v1/users/profile/ HTTP/1.1`, "Host: test"])
          assertFailure(answer, 405, "method_not_allowed", `Method ${method} is not allowed here`)
          assert.strictEqual(answer.headers.get("allow"), "GET, DELETE, PUT, PATCH, HEAD")
        }
        const unknown = yield* RawHttp.request(url, ["FETCH /api/v1/users/profile/ HTTP/1.1", "Host: test"])
        assertFailure(unknown, 400, "malformed_json", "The request could not be read")
      })
    )

    it.effect("HEAD is GET without a body", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        for (const { methods, path } of routes) {
          if (!methods.includes("GET")) continue
          const get = yield* api.send("GET", path, { token: access })
          const head = yield* api.send("HEAD", path, { token: access })
          assert.strictEqual(head.status, get.status, path)
          assert.strictEqual(head.text, "", path)
          assert.strictEqual(head.headers.get("content-type"), get.headers.get("content-type"), path)
          assert.strictEqual(head.headers.get("etag"), get.headers.get("etag"), path)
        }
      })
    )

    it.effect("the root redirects GET and HEAD to the documentation", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const method of methods) {
          const answer = yield* api.send(method, "/")
          if (method === "GET" || method === "HEAD") {
            assert.strictEqual(answer.status, 302)
            assert.strictEqual(answer.headers.get("location"), "/api/docs")
            assert.strictEqual(answer.text, "")
          } else {
            assertFailure(answer, 405, "method_not_allowed", `Method ${method} is not allowed here`)
            assert.strictEqual(answer.headers.get("allow"), "GET, HEAD")
          }
        }
        assert.strictEqual((yield* asked(api.url, "/?a=b")).status, 302)
        for (const spelled of ["//", "/.", "/%2f", "/;", "/index.html"]) {
          assertFailure(yield* asked(api.url, spelled), 404, "not_found", "No such route")
        }
      })
    )

    it.effect("an unknown path is 404 with every method", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const paths = ["/nowhere", "/api/v1", "/api/v1/users/", "/api/v1/users/profile/x/", "/api/v2/users/profile/"]
        for (const path of paths) {
          for (const method of methods) {
            const answer = yield* api.send(method, path, bodyless.has(method) ? {} : { body: "no JSON" })
            if (method === "HEAD") {
              assert.deepStrictEqual([answer.status, answer.text], [404, ""])
            } else assertFailure(answer, 404, "not_found", "No such route")
          }
        }
      })
    )
  })
})
