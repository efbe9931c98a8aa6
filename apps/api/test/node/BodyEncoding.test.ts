import { assert, describe, it } from "@effect/vitest"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect } from "effect"
import { HttpApi } from "effect/http-api"
import { assertFailure, assertUnauthenticated } from "../Answers.ts"
import { staff } from "../admin/Staff.ts"
import { binary, gatewayKey, withGateway } from "../service-side/Callers.ts"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "./RawHttp.ts"
import { absentId } from "../edge/Routes.ts"

const login = "/api/v1/users/login/"
const preferences = "/api/v1/users/preferences/"

const notUtf8 = "The request body is not valid UTF-8"
const otherCharset = "The charset of the request body must be utf-8"
const encoded = "The request body must not have a Content-Encoding"

/** Every route that reads JSON. */
const jsonRoutes = (() => {
  const found: Array<{ readonly method: string; readonly path: string }> = []
  HttpApi.reflect(UserServiceApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => {
      if (endpoint.payload.size > 0) {
        found.push({ method: endpoint.method, path: endpoint.path.replaceAll(/:\w+/g, absentId) })
      }
    }
  })
  return found
})()

const latin1 = Buffer.from(`{"password":"blau-k\xe4se-7-walks"}`, "latin1")

const send = (
  { method, path }: { readonly method: string; readonly path: string },
  body: Uint8Array,
  headers: ReadonlyArray<string>
) =>
  Effect.flatMap(TestApi, ({ url }) =>
    RawHttp.request(url, [`${method} ${path} HTTP/1.1`, "Host: a", ...headers, `Content-Length: ${body.length}`], body)
  )

const inChunks = (body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")])

const json = "Content-Type: application/json"

const loginOf = (email: string, password: string) => Buffer.from(JSON.stringify({ email, password }))

describe("the bytes of a body", () => {
  it.layer(layerEmbedded(withGateway), { excludeTestServices: true })((it) => {
    // Of a user to whom the routes of staff are open too.
    const credentials = Effect.map(staff("admin"), ({ access }) => [
      `Authorization: Bearer ${access}`,
      `X-Api-Key: ${gatewayKey}`
    ])

    it.effect("that are not UTF-8 are 400 on every route that reads JSON, also in chunks", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const head = [json, ...(yield* credentials)]
        assert.isAbove(jsonRoutes.length, 15)
        for (const { method, path } of jsonRoutes) {
          assertFailure(yield* send({ method, path }, latin1, head), 400, "malformed_json", notUtf8)
          const chunked = yield* RawHttp.request(
            url,
            [`${method} ${path} HTTP/1.1`, "Host: a", ...head, "Transfer-Encoding: chunked"],
            inChunks(latin1)
          )
          assertFailure(chunked, 400, "malformed_json", notUtf8)
        }
      })
    )

    it.effect("are refused if they are truncated, overlong, a lone surrogate or UTF-16", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const wrong = [
          Buffer.from(`{"a":"\xff"}`, "latin1"),
          Buffer.from(`{"a":"\xc3"}`, "latin1"),
          Buffer.from(`{"a":"\xc0\xaf"}`, "latin1"),
          Buffer.from(`{"a":"\xed\xa0\x80"}`, "latin1"),
          Buffer.from(`{"a":"\xf4\x90\x80\x80"}`, "latin1"),
          Buffer.from(`{}\xe4`, "latin1"),
          Buffer.from(`\ufeff{}`, "utf16le")
        ]
        for (const body of wrong) {
          const answer = yield* send({ method: "PATCH", path: preferences }, body, [
            json,
            `Authorization: Bearer ${access}`
          ])
          assertFailure(answer, 400, "malformed_json", notUtf8)
        }
      })
    )

    it.effect("are checked after the credentials, and a password that is not UTF-8 matches nothing", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        assertUnauthenticated(yield* send({ method: "PATCH", path: preferences }, latin1, [json]))
        const inLatin1 = (letter: string) =>
          Buffer.from(JSON.stringify({ email, password: `blau-k${letter}se-7-walks` }), "latin1")
        const register = { method: "POST", path: "/api/v1/users/register/" }
        assertFailure(yield* send(register, inLatin1("\xe4"), [json]), 400, "malformed_json", notUtf8)
        const utf8 = loginOf(email, "blau-k\xe4se-7-walks")
        assert.strictEqual((yield* send(register, utf8, [json])).status, 201)
        for (const letter of ["\xe4", "\xf6"]) {
          const answer = yield* send({ method: "POST", path: login }, inLatin1(letter), [json])
          assertFailure(answer, 400, "malformed_json", notUtf8)
        }
        assert.strictEqual((yield* send({ method: "POST", path: login }, utf8, [json])).status, 200)
      })
    )

    it.effect("may begin with a byte order mark", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        const marked = Buffer.concat([Buffer.from("\ufeff"), loginOf(email, goodPassword)])
        const path = { method: "POST", path: login }
        assert.strictEqual((yield* send(path, marked, [json])).status, 200)
        const twice = Buffer.concat([Buffer.from("\ufeff"), marked])
        assertFailure(yield* send(path, twice, [json]), 400, "malformed_json", "The request body is not valid JSON")
      })
    )

    it.effect("in another charset than UTF-8 are 415", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        const body = loginOf(email, goodPassword)
        const ask = (type: string) =>
          send({ method: "POST", path: login }, body, [`Content-Type: application/json${type}`])
        for (const type of [
          "; charset=iso-8859-1",
          "; charset=UTF-16",
          ";charset=us-ascii",
          '; charset="latin1"',
          "; CHARSET=latin1",
          "; charset = latin1",
          "; version=1; charset=latin1",
          "; charset=utf-8; charset=latin1",
          "; charset=",
          "; charset=utf-8x"
        ]) {
          assertFailure(yield* ask(type), 415, "unsupported_media_type", otherCharset)
        }
        for (const type of [
          "",
          ";",
          "; charset=utf-8",
          ";charset=UTF-8",
          '; charset="utf-8"',
          "; charset=utf8",
          "; Charset=Utf-8 ; version=1",
          "; version=1"
        ]) {
          assert.strictEqual((yield* ask(type)).status, 200, type)
        }
      })
    )

    it.effect("with a Content-Encoding other than identity are 415, with the supported ones", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        const head = [json, ...(yield* credentials)]
        for (const route of jsonRoutes) {
          const answer = yield* send(route, Buffer.from("{}"), [...head, "Content-Encoding: gzip"])
          assertFailure(answer, 415, "unsupported_media_type", encoded)
          assert.strictEqual(answer.headers.get("accept-encoding"), "identity")
        }
        const body = loginOf(email, goodPassword)
        const ask = (...codings: ReadonlyArray<string>) =>
          send({ method: "POST", path: login }, body, [json, ...codings.map((coding) => `Content-Encoding: ${coding}`)])
        for (const codings of [["GZIP"], ["br"], ["identity, gzip"], ["identity", "deflate"], ["x"]]) {
          assertFailure(yield* ask(...codings), 415, "unsupported_media_type", encoded)
        }
        for (const codings of [["identity"], ["Identity"], [""], ["identity, identity"]]) {
          assert.strictEqual((yield* ask(...codings)).status, 200, codings.join())
        }
        const call = yield* send({ method: "POST", path: "/rpc" }, Buffer.from("x"), [
          `Content-Type: ${binary["content-type"]}`,
          `X-Api-Key: ${gatewayKey}`,
          "Content-Encoding: gzip"
        ])
        assertFailure(call, 415, "unsupported_media_type", encoded)
      })
    )

    it.effect("are checked by charset and coding, then by size, then by content", () =>
      Effect.gen(function* () {
        const route = { method: "POST", path: login }
        const tooLarge = Buffer.alloc(102_401, 0xe4)
        const charset = yield* send(route, tooLarge, [`${json}; charset=latin1`])
        assertFailure(charset, 415, "unsupported_media_type", otherCharset)
        const coding = yield* send(route, tooLarge, [json, "Content-Encoding: gzip"])
        assertFailure(coding, 415, "unsupported_media_type", encoded)
        const size = yield* send(route, tooLarge, [json])
        assertFailure(size, 413, "payload_too_large", "The request body is too large")
      })
    )

    it.effect("of a path or a query are never replaced by other text", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        const head = ["Host: a", "Connection: close", ...(yield* credentials)].join("\r\n")
        const ask = (target: string) =>
          RawHttp.exchange(url, Buffer.from(`GET ${target} HTTP/1.1\r\n${head}\r\n\r\n`, "latin1")).pipe(
            Effect.map((text) => RawHttp.parse(text).status)
          )
        for (const id of ["%ff", "%c3%28", "%ed%a0%80"]) {
          assert.strictEqual(yield* ask(`/api/v1/users/push-tokens/${id}/`), 404, id)
        }
        for (const query of ["page=%ff", "limit=%e4", "status=%e4", "channel=%c3"]) {
          assert.strictEqual(yield* ask(`/api/v1/users/notifications/?${query}`), 422, query)
        }
        // Node takes no such byte unencoded.
        for (const target of ["/api/v1/users/push-tokens/\xff/", "/api/v1/users/notifications/?page=\xff"]) {
          assert.strictEqual(yield* ask(target), 400, target)
        }
      })
    )
  })
})
