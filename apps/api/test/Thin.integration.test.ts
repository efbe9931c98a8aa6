import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { layerReal, TestApi } from "./TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(databaseUrl === "" || redisUrl === "")("on PostgreSQL and Redis", () => {
  it.layer(layerReal(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("thin", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const { body, status } = yield* api.send("GET", "/api/v1/users/profile/", { token: access })
        assert.strictEqual(status, 200)
        assert.isTrue(body.success)
      })
    )
  })
})
