import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/preferences/"

describe("preferences over HTTP", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("a new user is reached by all but marketing pushes", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const { body, headers, status } = yield* api.send("GET", path, { token: access })
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("etag"), `"1"`)
        assert.strictEqual(body.message, "Preferences retrieved successfully")
        assert.isFalse(body.data.push_marketing)
        assert.isTrue(body.data.email_marketing)
        assert.strictEqual(body.data.frequency_limit, 50)
        assert.isNull(body.data.do_not_disturb_start)
      })
    )

    it.effect("a stale If-Match is 412 with the tag that stands, and nothing changes", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const change = (limit: number, tag: string) =>
          api.send("PATCH", path, {
            token: access,
            headers: { "if-match": tag },
            body: { frequency_limit: limit }
          })
        assert.strictEqual((yield* change(1, `"1"`)).status, 200)
        const stale = yield* change(2, `"1"`)
        assert.strictEqual(stale.status, 412)
        assert.strictEqual(stale.body.code, "precondition_failed")
        assert.strictEqual(stale.headers.get("etag"), `"2"`)
        const { body } = yield* api.send("GET", path, { token: access })
        assert.strictEqual(body.data.frequency_limit, 1)
      })
    )
  })
})
