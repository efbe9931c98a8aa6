import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import * as Client from "./Client.ts"
import { operations } from "./OpenApi.ts"
import * as World from "./World.ts"

const withId = operations.filter(({ needsToken, path }) => needsToken && path.includes("{"))

const absent = "01890000-0000-7000-8000-000000000000"
const malformed = ["x", "1", `${absent}0`, "%00", "%F0%9D%84%9E", "'", "__proto__"]

describe("what is another user's", () => {
  it("is requested here on every route with an id", () => {
    assert.isAtLeast(withId.length, 5)
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect.each(withId)("is answered as if it did not exist: $method $path", ({ body, method, path }) =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [owner, stranger] = [yield* api.person(), yield* api.person()]
        const id = yield* World.idFor(path, owner)
        const client = yield* Client.make(api.url, 1)
        const ask = Effect.fnUntraced(function* (token: string, id: string) {
          const answer = yield* client({
            method,
            path: path.replace("{id}", id),
            headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "x-request-id": "one" },
            ...(body === undefined ? {} : { body: JSON.stringify(body.example) })
          })
          const headers = Object.fromEntries(answer.headers)
          delete headers["date"]
          return { status: answer.status, headers, text: answer.text }
        })

        const theirs = yield* ask(stranger.access, id)
        assert.strictEqual(theirs.status, 404)
        for (const other of [absent, ...malformed, id.toUpperCase(), owner.id, stranger.id]) {
          assert.deepStrictEqual(yield* ask(stranger.access, other), theirs, other)
        }
        assert.isBelow((yield* ask(owner.access, id)).status, 300, "it is there all the while, for its owner")
      })
    )
  })
})
