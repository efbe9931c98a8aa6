import { assert, describe, it } from "@effect/vitest"
import { offset } from "@user-service/domain/Page"
import { Schema } from "effect"

const request = Schema.Struct({
  page: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))
})

describe("offset", () => {
  it("the first page begins at the first item", () => {
    assert.strictEqual(offset({ page: 1, limit: 10 }), 0)
  })

  it.prop("a page begins where the previous page ends", [request], ([{ limit, page }]) => {
    assert.strictEqual(offset({ page: page + 1, limit }), offset({ page, limit }) + limit)
  })

  it("the highest possible page has an exact offset", () => {
    assert.isTrue(Number.isSafeInteger(offset({ page: 999_999_999, limit: 100 })))
  })
})
