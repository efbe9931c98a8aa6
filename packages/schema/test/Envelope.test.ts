import { assert, describe, it } from "@effect/vitest"
import { Failure, failureBody, noPage, pageMeta, Problems, success, successPage } from "@user-service/schema/Envelope"
import { Effect, Schema } from "effect"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Point = Schema.Struct({ x: Schema.Finite, y: Schema.Finite })

describe("success", () => {
  const schema = success("Point found", Point)

  it.effect.prop("has all five keys for any data", [Point], ([point]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.encodeEffect(schema)(point), {
        success: true,
        message: "Point found",
        data: point,
        error: null,
        meta: { total: 0, limit: 10, page: 1, total_pages: 0, has_next: false, has_previous: false }
      })
    })
  )

  it.effect.prop("is decoded by a client to the same data", [Point], ([point]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.decodeEffect(schema)(yield* Schema.encodeEffect(schema)(point)), point)
    })
  )

  it.effect("a failure is not decoded as a success", () =>
    Effect.gen(function* () {
      const body = failureBody({ code: "not_found", message: "Point not found" })
      assert.strictEqual((yield* Effect.flip(Schema.decodeUnknownEffect(schema)(body)))._tag, "SchemaError")
    })
  )
})

describe("pageMeta", () => {
  const request = Schema.Struct({ page: whole(1, 200), limit: whole(1, 100) })
  const total = whole(0, 5000)

  it.prop("the number of pages is the least that holds all items", [request, total], ([request, total]) => {
    const { total_pages } = pageMeta(request, total)
    assert.isAtLeast(total_pages * request.limit, total)
    assert.isBelow(Math.max(0, total_pages - 1) * request.limit, Math.max(1, total))
  })

  it.prop("there is a next page if items follow this page", [request, total], ([request, total]) => {
    assert.strictEqual(pageMeta(request, total).has_next, total > request.page * request.limit)
  })

  it.prop("there is a previous page on every page but the first", [request, total], ([request, total]) => {
    assert.strictEqual(pageMeta(request, total).has_previous, request.page > 1)
  })

  it.prop("limit and page are those of the request, also past the end", [request, total], ([request, total]) => {
    assert.deepInclude(pageMeta(request, total), { ...request, total })
  })

  it("a response without a list has the values of an empty first page", () => {
    assert.deepStrictEqual(noPage, pageMeta({ page: 1, limit: 10 }, 0))
  })
})

describe("successPage", () => {
  const schema = successPage("Points found", Point)
  const page = { items: [{ x: 1, y: 2 }], total: 21, request: { page: 3, limit: 10 } }

  it.effect("has the items as data and the page as meta", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.encodeEffect(schema)(page), {
        success: true,
        message: "Points found",
        data: [{ x: 1, y: 2 }],
        error: null,
        meta: { total: 21, limit: 10, page: 3, total_pages: 3, has_next: false, has_previous: true }
      })
    })
  )

  it.effect("is decoded by a client to the same page", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.decodeEffect(schema)(yield* Schema.encodeEffect(schema)(page)), page)
    })
  )
})

describe("failureBody", () => {
  it("has the five keys and a code, and uses a single text for both message and error", () => {
    assert.deepStrictEqual(failureBody({ code: "not_found", message: "Point not found" }), {
      success: false,
      message: "Point not found",
      data: null,
      error: "Point not found",
      code: "not_found",
      meta: noPage
    })
  })

  it.effect.prop("is decoded by a client, with nested problems", [Problems, Schema.String], ([data, message]) =>
    Effect.gen(function* () {
      const body = failureBody({ code: "validation_failed", message, error: "Validation failed", data })
      assert.deepInclude(body, { message, error: "Validation failed", data })
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Failure)(body), body)
    })
  )
})
