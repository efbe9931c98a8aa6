import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  assertFailure,
  assertInvalid,
  assertTokenInvalid,
  assertTokens,
  assertUnauthenticated,
  successData
} from "../Answers.ts"
import { goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/change-password/"
const next = "another horse, another staple"
const required = "This field is required."

const change = (token: string, input: Readonly<Record<string, unknown>> = {}) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", path, {
      token,
      body: { old_password: goodPassword, new_password: next, new_password_confirm: next, ...input }
    })
  )

describe("changing the password", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("returns valid tokens, after which only the new password logs in", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, email } = yield* api.person()
        const { tokens, ...others } = successData(yield* change(access), 200, "Password changed successfully")
        assert.deepStrictEqual(others, {})
        assertTokens(tokens)
        assert.strictEqual((yield* api.send("GET", "/api/v1/users/profile/", { token: tokens.access })).status, 200)
        const refresh = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: tokens.refresh } })
        assert.strictEqual(refresh.status, 200)
        yield* api.login({ email, password: next })
        const old = yield* api.send("POST", "/api/v1/users/login/", { body: { email, password: goodPassword } })
        assertFailure(old, 401, "invalid_credentials", "Invalid email or password")
      })
    )

    it.effect("ends every session, including the current one, from the next request on", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const elsewhere = yield* api.login(person)
        const profile = (token: string) => api.send("GET", "/api/v1/users/profile/", { token })
        // Both are known to be alive when they end.
        assert.strictEqual((yield* profile(person.access)).status, 200)
        assert.strictEqual((yield* profile(elsewhere.access)).status, 200)
        assert.strictEqual((yield* change(person.access)).status, 200)
        for (const { access, refresh } of [person, elsewhere]) {
          assertTokenInvalid(yield* profile(access))
          assertTokenInvalid(yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh } }))
          assertTokenInvalid(yield* api.send("POST", "/api/v1/users/token/verify/", { body: { token: access } }))
        }
      })
    )

    it.effect("replaces the current session by one with its name and its push tokens", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const here = yield* api.login(person, "here")
        const there = yield* api.login(person, "there")
        const pushToken = (token: string, name: string) =>
          api.send("POST", "/api/v1/users/push-tokens/", {
            token,
            body: { token: `${name.replaceAll(" ", "-")}-${person.id}`, platform: "ios", device_name: name }
          })
        yield* pushToken(here.access, "stays")
        yield* pushToken(there.access, "falls silent")
        const { body } = yield* change(here.access)
        const { access } = body.data.tokens
        const sessions = yield* api.send("GET", "/api/v1/users/sessions/", { token: access })
        assert.deepStrictEqual(
          sessions.body.data.map((session: { device_name: string }) => session.device_name),
          ["here"]
        )
        const tokens = yield* api.send("GET", "/api/v1/users/push-tokens/", { token: access })
        const state = tokens.body.data.map((token: { device_name: string; is_active: boolean }) => [
          token.device_name,
          token.is_active
        ])
        assert.sameDeepMembers(state, [
          ["stays", true],
          ["falls silent", false]
        ])
        // They are this session's now, and end with it.
        yield* api.send("POST", "/api/v1/users/logout/", { token: access })
        const rows = yield* api.sql`select 1 from push_tokens where user_id = ${person.id} and is_active`
        assert.strictEqual(rows.length, 0)
      })
    )

    it.effect("refuses a wrong old password with 422 on its field, and changes nothing", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        assertInvalid(yield* change(person.access, { old_password: "not it" }), {
          old_password: ["The password is incorrect."]
        })
        assert.strictEqual((yield* api.send("GET", "/api/v1/users/profile/", { token: person.access })).status, 200)
        yield* api.login(person)
      })
    )

    it.effect("refuses a new password that breaks the rules or resembles the account", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person({ first_name: "Augusta" })
        const to = (password: string) => change(access, { new_password: password, new_password_confirm: password })
        assertInvalid(yield* to("zq7kfwx"), {
          new_password: ["This password is too short. It must contain at least 8 characters."]
        })
        assertInvalid(yield* to("augusta2026"), {
          new_password: ["This password is too similar to your email, username or name."]
        })
        assertInvalid(yield* to("x".repeat(1025)), {
          new_password: ["This password is too long. It must contain at most 1024 bytes."]
        })
        assertInvalid(yield* to("userservice"), {
          new_password: ["This password is too similar to the name of this service."]
        })
      })
    )

    it.effect("refuses a new password that is easy to guess without hashing it", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person({ first_name: "Quillfeather" })
        const hashed = Effect.map(api.send("GET", "/metrics"), ({ text }) => text.match(/^password_hashes_total.*$/gm))
        const before = yield* hashed
        for (const password of ["aaaaaaaa", "abcdefgh", " ".repeat(8), "Summer2026", `quillfeather${"1".repeat(13)}`]) {
          assertInvalid(yield* change(person.access, { new_password: password, new_password_confirm: password }), {
            new_password: [
              "This password is too easy to guess. Choose a longer one, such as several words that do not belong together."
            ]
          })
        }
        assert.deepStrictEqual(yield* hashed, before)
        yield* api.login(person)
      })
    )

    it.effect("names every invalid field at once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        assertInvalid(yield* api.send("POST", path, { token: access, body: {} }), {
          old_password: [required],
          new_password: [required],
          new_password_confirm: [required]
        })
        assertInvalid(yield* change(access, { old_password: "", new_password: "12345", new_password_confirm: 1 }), {
          old_password: ["This field may not be blank."],
          new_password: [
            "This password is too short. It must contain at least 8 characters.",
            "This password is entirely numeric.",
            "This password is too common."
          ],
          new_password_confirm: ["Must be a string."]
        })
        assertInvalid(yield* change(access, { new_password_confirm: "something else" }), {
          new_password_confirm: ["The two passwords do not match."]
        })
      })
    )

    it.effect("requires an access token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const body = { old_password: goodPassword, new_password: next, new_password_confirm: next }
        assertUnauthenticated(yield* api.send("POST", path, { body }))
        const { refresh } = yield* api.person()
        assertTokenInvalid(yield* api.send("POST", path, { token: refresh, body }))
      })
    )

    it.effect("publishes the change first, then each ended session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.login(person)
        yield* change(person.access)
        const told = yield* api.sql<{ readonly event_type: string; readonly reason: string | null }>`
          select event_type, payload->>'reason' as reason from outbox where user_id = ${person.id}
          order by position offset 2`
        assert.deepStrictEqual(
          told.map(({ event_type, reason }) => [event_type, reason]),
          [
            ["UserPasswordChanged", null],
            ["SessionRevoked", "password_changed"],
            ["SessionRevoked", "password_changed"]
          ]
        )
      })
    )
  })
})
