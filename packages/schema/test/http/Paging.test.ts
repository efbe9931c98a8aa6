import { assert, describe, it } from "@effect/vitest"
import { pageRequest, PagingQuery } from "@user-service/schema/http/Paging"
import { Effect, Schema } from "effect"
import { problemsOf } from "../decode.ts"

const Query = Schema.Struct(PagingQuery)
const pageProblem = "page: Must be an integer of at least 1."
const limitProblem = "limit: Must be an integer between 1 and 100."

describe("PagingQuery", () => {
  it.effect.each([
    [{}, { page: 1, limit: 10 }],
    [{ page: "3" }, { page: 3, limit: 10 }],
    [{ limit: "100" }, { page: 1, limit: 100 }],
    [
      { page: "999999999999999", limit: "1" },
      { page: 999_999_999_999_999, limit: 1 }
    ],
    [
      { page: "2", limit: "20", colour: "red" },
      { page: 2, limit: 20 }
    ]
  ])("%j is %j", ([query, request]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(pageRequest(yield* Schema.decodeUnknownEffect(Query)(query)), request)
    })
  )

  it.effect.each(["0", "-1", "abc", "", "1.5", "1e3", " 1", "+1", "1000000000000000", "NaN", "٣"])(
    "%j is refused as a page",
    (page) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* problemsOf(Query, { page }), [pageProblem])
      })
  )

  it.effect.each(["0", "101", "-1", "abc", "", "10.0"])("%j is refused as a limit", (limit) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(Query, { limit }), [limitProblem])
    })
  )

  it.effect("problems of both are reported at once, and neither may be repeated", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(Query, { page: "0", limit: "0" }), [pageProblem, limitProblem])
      assert.lengthOf(yield* problemsOf(Query, { page: ["1", "2"] }), 1)
    })
  )
})
