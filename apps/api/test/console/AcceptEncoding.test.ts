import { assert, describe, it } from "@effect/vitest"
import { preferredEncoding } from "../../src/console/AcceptEncoding.ts"

describe("the coding of an asset", () => {
  const preferred = (header: string | undefined) => preferredEncoding(header, () => true)

  it("is the smallest that the client accepts", () => {
    assert.strictEqual(preferred("gzip, deflate, br, zstd"), "br")
    assert.strictEqual(preferred("GZIP"), "gzip")
    assert.strictEqual(preferred("br;q=0.1, gzip;q=1.0"), "br")
    assert.strictEqual(preferred("*"), "br")
    assert.strictEqual(preferred("*;q=0.5, br;q=0"), "gzip")
  })

  it("is none if the client accepts none, or does not say so", () => {
    for (const header of [undefined, "", "identity", "deflate", "gzip;q=0", "*;q=0", "gzip;q=x"]) {
      assert.isUndefined(preferred(header), header)
    }
  })

  it("is one that the file has", () => {
    assert.strictEqual(
      preferredEncoding("br, gzip", (coding) => coding === "gzip"),
      "gzip"
    )
    assert.isUndefined(preferredEncoding("br, gzip", () => false))
  })
})
