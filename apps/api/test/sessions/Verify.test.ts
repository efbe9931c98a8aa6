import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertInvalid, assertSuccess, assertTokenExpired, assertTokenInvalid } from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/token/verify/"

const verify = (token: unknown) => Effect.flatMap(TestApi, ({ send }) => send("POST", path, { body: { token } }))

describe("verifying a token", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("a valid one of either type is 200, without data", () =>
      Effect.gen(function* () {
        const { access, refresh } = yield* (yield* TestApi).person()
        for (const token of [access, refresh]) assertSuccess(yield* verify(token), 200, "Token is valid", {})
      })
    )

    it.effect("an expired one is 401 token_expired", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        yield* api.pass("61 minutes")
        assertTokenExpired(yield* verify(access))
        assert.strictEqual((yield* verify(refresh)).status, 200)
        yield* api.pass("7 days")
        assertTokenExpired(yield* verify(refresh))
      })
    )

    it.effect("one of an ended session is 401 token_invalid", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        yield* api.send("POST", "/api/v1/users/logout/", { token: access })
        for (const token of [access, refresh]) assertTokenInvalid(yield* verify(token))
      })
    )

    it.effect("a replaced refresh token is valid during its grace period, and ends no session afterwards", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const next = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: person.refresh } })
        yield* api.pass("9 seconds")
        assert.strictEqual((yield* verify(person.refresh)).status, 200)
        yield* api.pass("2 seconds")
        assertTokenInvalid(yield* verify(person.refresh))
        for (const token of [next.body.refresh, next.body.access, person.access]) {
          assertSuccess(yield* verify(token), 200, "Token is valid", {})
        }
        // Of an older generation it is not good at any time.
        const last = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: next.body.refresh } })
        assertTokenInvalid(yield* verify(person.refresh))
        assert.strictEqual((yield* verify(last.body.refresh)).status, 200)
      })
    )

    it.effect("one of another issuer is 401 token_invalid", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const token of ["x", "a.b.c", `${access}x`, access.slice(0, -10), "x".repeat(10_000)]) {
          assertTokenInvalid(yield* verify(token))
        }
      })
    )

    it.effect("no token, a blank one and one that is no text are 422", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertInvalid(yield* send("POST", path, { body: {} }), { token: ["This field is required."] })
        assertInvalid(yield* verify(""), { token: ["This field may not be blank."] })
        assertInvalid(yield* verify(1), { token: ["Must be a string."] })
        assertInvalid(yield* verify(null), { token: ["Must be a string."] })
      })
    )
  })
})
