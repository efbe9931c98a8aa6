import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { assertFailure } from "../Answers.ts"
import * as RawHttp from "../node/RawHttp.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** The assets that the page loads before it shows anything. */
const assetsIn = (page: string): ReadonlyArray<string> =>
  Array.from(page.matchAll(/(?:href|src)="(\/admin\/assets\/[^"]+)"/g), ([, path = ""]) => path)

const maxFirstLoad = 250 * 1024

describe("the console", () => {
  it.layer(layerEmbedded())((it) => {
    /** The bytes of an asset as they are sent. */
    const download = (path: string, acceptEncoding: string) =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        return yield* Effect.promise(async () => {
          // `fetch` would decompress the body.
          const { request } = await import("node:http")
          return new Promise<{ readonly encoding: string | undefined; readonly body: Buffer }>((resolve, reject) => {
            const sent = request(url + path, { headers: { "accept-encoding": acceptEncoding } }, (response) => {
              const chunks: Array<Buffer> = []
              response.on("data", (chunk: Buffer) => chunks.push(chunk))
              response.on("end", () =>
                resolve({ encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) })
              )
            })
            sent.on("error", reject)
            sent.end()
          })
        })
      })

    it.effect("is one page for all its links, which is not stored and allows no inline code and no other host", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const page = yield* send("GET", "/admin/")
        assert.strictEqual(page.status, 200)
        assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
        assert.strictEqual(page.headers.get("content-security-policy"), policy)
        assert.strictEqual(page.headers.get("cache-control"), "no-store")
        assert.strictEqual(page.headers.get("x-frame-options"), "DENY")
        for (const path of ["/admin", "/admin/sign-in?to=%2Fusers", "/admin/users/a/b/", "/admin/no-such-page"]) {
          const link = yield* send("GET", path)
          assert.deepStrictEqual([link.status, link.text], [200, page.text], path)
        }
        assert.isNull(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:/.exec(page.text))
      })
    )

    it.effect("has assets that browsers keep for a year, and answers 404 for unknown ones", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { text } = yield* send("GET", "/admin/")
        const assets = assetsIn(text)
        assert.isAtLeast(assets.length, 3)
        const types = new Set<string | null>()
        for (const path of assets) {
          const asset = yield* send("GET", path)
          assert.strictEqual(asset.status, 200, path)
          assert.match(path, /-[\w-]{8}\.(?:css|js|svg)$/)
          assert.strictEqual(asset.headers.get("cache-control"), "public, max-age=31536000, immutable")
          assert.strictEqual(asset.headers.get("vary"), "accept-encoding")
          assert.strictEqual(asset.headers.get("x-content-type-options"), "nosniff")
          types.add(asset.headers.get("content-type"))
          const head = yield* send("HEAD", path)
          assert.deepStrictEqual([head.status, head.text], [200, ""])
        }
        assert.sameMembers([...types], ["text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"])
        for (const path of ["/admin/assets", "/admin/assets/", "/admin/assets/index-00000000.js"]) {
          const unknown = yield* send("GET", path)
          if (path === "/admin/assets") assert.strictEqual(unknown.status, 200)
          else assertFailure(unknown, 404, "not_found", "No such file")
        }
      })
    )

    it.effect(
      "sends assets compressed to clients that accept it, and loads at most 250 KB before it shows anything",
      () =>
        Effect.gen(function* () {
          const { send } = yield* TestApi
          const { text } = yield* send("GET", "/admin/")
          const sizes = { br: text.length, gzip: text.length }
          for (const path of assetsIn(text)) {
            const plain = yield* download(path, "identity")
            assert.isUndefined(plain.encoding)
            for (const [encoding, decompress] of [
              ["br", brotliDecompressSync],
              ["gzip", gunzipSync]
            ] as const) {
              const { body, encoding: used } = yield* download(path, encoding)
              // Compression makes a module of one short line longer.
              if (plain.body.length > 100) assert.strictEqual(used, encoding, path)
              const decoded = used === undefined ? body : decompress(body)
              assert.isTrue(decoded.equals(plain.body), path)
              sizes[encoding] += body.length
            }
          }
          assert.isAtMost(sizes.gzip, maxFirstLoad)
          assert.isAtMost(sizes.br, sizes.gzip)
        })
    )

    it.effect("has one spelling, and answers GET and HEAD only", () =>
      Effect.gen(function* () {
        const { send, url } = yield* TestApi
        for (const target of ["//admin/", "/ADMIN/", "/%61dmin/", "/x/../admin/", "/admin/%75sers", "/adminx"]) {
          const answer = yield* RawHttp.request(url, [`GET ${target} HTTP/1.1`, "Host: a"])
          assertFailure(answer, 404, "not_found", "No such route")
        }
        for (const path of ["/admin", "/admin/users", "/admin/assets/x.js"]) {
          for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
            const answer = yield* send(method, path)
            assertFailure(answer, 405, "method_not_allowed", `Method ${method} is not allowed here`)
            assert.strictEqual(answer.headers.get("allow"), "GET, HEAD")
          }
          assert.strictEqual((yield* send("HEAD", path)).text, "")
        }
      })
    )

    it.effect("leaves no query in the access log", () =>
      Effect.gen(function* () {
        const { log, send } = yield* TestApi
        yield* send("GET", "/admin/users?q=canary-in-query")
        assert.notInclude(JSON.stringify(yield* log), "canary-in-query")
      })
    )
  })

  it.layer(layerEmbedded({ ADMIN_ALLOWED_NETWORKS: "10.0.0.0/8" }))((it) => {
    it.effect("does not exist for networks that are not allowed", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const path of ["/admin", "/admin/", "/admin/users", "/admin/assets/index.js"]) {
          assertFailure(yield* send("GET", path), 404, "not_found", "No such route")
        }
      })
    )
  })
})
