import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RawHttp from "../node/RawHttp.ts"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"
import { form, linksTo, oneClick, pathOf, withLinks } from "./Links.ts"

const environment = { ...withLinks, ALLOWED_HOSTS: "users.example.com,127.0.0.1" }
const host = "Host: users.example.com"

const assertNotice = (answer: Answer, status: number, heading: string): void => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.include(answer.text, `<h1>${heading}</h1>`)
  assert.strictEqual(answer.headers.get("content-type"), "text/html; charset=utf-8")
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.strictEqual(answer.headers.get("referrer-policy"), "no-referrer")
  assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none'; .*style-src 'sha256-/)
}

describe("requests to pages of links that are refused before any page", () => {
  it.layer(layerEmbedded(environment), { excludeTestServices: true })((it) => {
    it.effect("get a page, whatever is wrong with the Host header", () =>
      Effect.gen(function* () {
        const { person, url: server } = yield* TestApi
        const path = pathOf((yield* linksTo(yield* person())).url)
        for (const method of ["GET", "POST"]) {
          const send = (...lines: ReadonlyArray<string>) =>
            RawHttp.request(server, [`${method} ${path} HTTP/1.1`, "Content-Length: 0", ...lines])
          assertNotice(yield* send("Host: evil.test"), 403, "This address is not the right one")
          assertNotice(yield* send(host, host), 400, "The request could not be read")
          assertNotice(yield* send(), 400, "The request could not be read")
        }
      })
    )

    it.effect("get a page for the wrong method, an unknown path, and a body that cannot be read", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const path = pathOf((yield* linksTo(yield* person())).url)
        const deleted = yield* send("DELETE", path)
        assertNotice(deleted, 405, "This is not possible here")
        assert.strictEqual(deleted.headers.get("allow"), "POST, GET, HEAD")
        for (const unknown of ["/u", "/u/", `${path}/more`]) {
          assertNotice(yield* send("GET", unknown), 404, "This link does not work")
        }
        const large = yield* send("POST", path, { headers: form, body: `a=${"x".repeat(20_000)}` })
        assertNotice(large, 413, "The form is too large")
        const compressed = { ...oneClick, headers: { ...form, "content-encoding": "gzip" } }
        assertNotice(yield* send("POST", path, compressed), 415, "The form could not be read")
      })
    )
  })

  it.layer(layerEmbedded({ FORCE_HTTPS: "true" }), { excludeTestServices: true })((it) => {
    it.effect("get a page where HTTPS is required, unless they are redirected", () =>
      Effect.gen(function* () {
        const { send, url } = yield* TestApi
        assertNotice(yield* send("POST", "/u/x", oneClick), 403, "This address is not the right one")
        const redirected = yield* RawHttp.request(url, ["GET /u/x HTTP/1.1", host])
        assert.strictEqual(redirected.status, 308)
        assert.strictEqual(redirected.headers.get("location"), "https://users.example.com/u/x")
      })
    )
  })
})
