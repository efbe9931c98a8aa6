import { assert, describe, it } from "@effect/vitest"
import { FindMyWay } from "effect/http"
import { routableUrl, routerConfig } from "../../src/http/Paths.ts"

const router = FindMyWay.make<string>(routerConfig)
for (const path of ["/", "/metrics", "/.well-known/jwks.json", "/a_b-c/v1/:id/", "/a_b-c/v1/:id/more"] as const) {
  router.on("GET", path, path)
}

/** The route that a request target falls on; `url` is what its parsing gives. */
const routeOf = (target: string, url = target) => router.find("GET", routableUrl(target, url))

const found = (target: string, url?: string) => routeOf(target, url)?.handler

describe("a path", () => {
  it("is found as declared, with and without a slash at its end and with any query", () => {
    for (const tail of ["", "/", "?x=%6d;y#z", "/?a=/./&b=//"]) {
      assert.strictEqual(found(`/metrics${tail}`), "/metrics")
      assert.strictEqual(found(`/.well-known/jwks.json${tail}`), "/.well-known/jwks.json")
      assert.strictEqual(found(`/a_b-c/v1/X1/more${tail}`), "/a_b-c/v1/:id/more")
    }
    assert.strictEqual(found("/"), "/")
  })

  it("is not found in another spelling", () => {
    for (const target of [
      "/METRICS",
      "/Metrics",
      "/%6detrics",
      "/%6Detrics",
      "/metric%73",
      "/%4detrics",
      "/%256detrics",
      "//",
      "//metrics",
      "/metrics//",
      "/./metrics",
      "/metrics/.",
      "/x/../metrics",
      "/%2e/metrics",
      "/metrics;",
      "/metrics;x=y",
      "/;/metrics",
      "/metrics#",
      "/metrics#x",
      "/metrics%23",
      "/metrics%00",
      "/metrics%20",
      "/metrics%2f",
      "/metrics%",
      "/%2Ewell-known/jwks.json",
      "/.well%2dknown/jwks.json",
      "/.well-known/jwks%2Ejson",
      "/a%5fb-c/v1/x/more",
      "/a_b-c/v%31/x/more",
      "/a_b-c/v1/x/mor%65",
      "/a_b-c/v1/%78/more",
      "/a_b-c/v1/x#y",
      "/a_b-c/v1/%78",
      "*",
      "*/metrics",
      "http://[/metrics",
      "ftp://a/metrics",
      ""
    ]) {
      assert.isUndefined(found(target), target)
    }
  })

  it("is found in an absolute-form request target, unless parsing changes the path", () => {
    assert.strictEqual(found("http://a/metrics?x", "/metrics?x"), "/metrics")
    assert.strictEqual(found("HTTPS://a:1/metrics?\xe4", "/metrics?%C3%A4"), "/metrics")
    assert.strictEqual(found("http://a", "/"), "/")
    assert.strictEqual(found("http://a?x", "/?x"), "/")
    for (const target of ["/./metrics", "/x/../metrics", "/%2e/metrics", "\\metrics", "/x/%2E%2e/metrics"]) {
      const { pathname } = new URL(`http://a${target}`)
      assert.strictEqual(pathname, "/metrics")
      assert.isUndefined(found(`http://a${target}`, pathname), target)
    }
    assert.isUndefined(found("http://a/%6detrics", "/%6detrics"))
  })

  it("may have ids of any characters in their only encoded spelling", () => {
    const ids = {
      "a;b": "a;b",
      "a%20b": "a b",
      "%C3%A4": "ä",
      "a%2Fb": "a/b",
      ["x".repeat(16_000)]: "x".repeat(16_000)
    }
    for (const [written, id] of Object.entries(ids)) {
      assert.deepStrictEqual({ ...routeOf(`/a_b-c/v1/${written}`)?.params }, { id }, written.slice(0, 20))
    }
  })
})
