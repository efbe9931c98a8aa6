import { assert, describe, it } from "@effect/vitest"
import { Failure, failureBody, noPage, pageMeta, Problems, success, successPage } from "@user-service/schema/Envelope"
import { Effect, Schema } from "effect"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Point = Schema.Struct({ x: Schema.Finite, y: Schema.Finite })

describe("success", () => {
  const schema = success("Point found", Point)

  it.effect.prop("all five keys are there, whatever the data", [Point], ([point]) =>
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

  it.effect.prop("a client reads the data back", [Point], ([point]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.decodeEffect(schema)(yield* Schema.encodeEffect(schema)(point)), point)
    })
  )

  it.effect("a failure is not read as a success", () =>
    Effect.gen(function* () {
      const body = failureBody({ code: "not_found", message: "Point not found" })
      assert.strictEqual((yield* Effect.flip(Schema.decodeUnknownEffect(schema)(body)))._tag, "SchemaError")
    })
  )
})

describe("pageMeta", () => {
  const request = Schema.Struct({ page: whole(1, 200), limit: whole(1, 100) })
  const total = whole(0, 5000)

  it.prop("there are as many pages as the items need, and no more", [request, total], ([request, total]) => {
    const { total_pages } = pageMeta(request, total)
    assert.isAtLeast(total_pages * request.limit, total)
    assert.isBelow(Math.max(0, total_pages - 1) * request.limit, Math.max(1, total))
  })

  it.prop("there is a next page when items stand behind this one", [request, total], ([request, total]) => {
    assert.strictEqual(pageMeta(request, total).has_next, total > request.page * request.limit)
  })

  it.prop("there is a previous page before all but the first", [request, total], ([request, total]) => {
    assert.strictEqual(pageMeta(request, total).has_previous, request.page > 1)
  })

  it.prop("what was asked for is repeated, past the end too", [request, total], ([request, total]) => {
    assert.deepInclude(pageMeta(request, total), { ...request, total })
  })

  it("an answer that is no list has the first page of nothing", () => {
    assert.deepStrictEqual(noPage, pageMeta({ page: 1, limit: 10 }, 0))
  })
})

describe("successPage", () => {
  const schema = successPage("Points found", Point)
  const page = { items: [{ x: 1, y: 2 }], total: 21, request: { page: 3, limit: 10 } }

  it.effect("the items are the data, and the page is the meta", () =>
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

  it.effect("a client reads the page back", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.decodeEffect(schema)(yield* Schema.encodeEffect(schema)(page)), page)
    })
  )
})

describe("failureBody", () => {
  it("has the five keys and a code, and says the same twice when there is one thing to say", () => {
    assert.deepStrictEqual(failureBody({ code: "not_found", message: "Point not found" }), {
      success: false,
      message: "Point not found",
      data: null,
      error: "Point not found",
      code: "not_found",
      meta: noPage
    })
  })

  it.effect.prop(
    "is what a client reads, problems of any depth and all",
    [Problems, Schema.String],
    ([data, message]) =>
      Effect.gen(function* () {
        const body = failureBody({ code: "validation_failed", message, error: "Validation failed", data })
        assert.deepInclude(body, { message, error: "Validation failed", data })
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Failure)(body), body)
      })
  )
})
