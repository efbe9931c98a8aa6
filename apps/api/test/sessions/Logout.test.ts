import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  assertFailure,
  assertInvalid,
  assertSuccess,
  assertTokenExpired,
  assertTokenInvalid,
  assertUnauthenticated
} from "../Answers.ts"
import { type Answer, layerEmbedded, type Person, TestApi, type Tokens } from "../TestApi.ts"
import * as Jwt from "./Jwt.ts"

const path = "/api/v1/users/logout/"

const assertLoggedOut = (answer: Answer): void => assertSuccess(answer, 200, "Logout successful", {})

const profileOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", "/api/v1/users/profile/", { token }))

const refresh = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("POST", "/api/v1/users/token/refresh/", { body: { refresh: token } }))

/** That the session is over: access on the next request, refresh at once. */
const assertEnded = Effect.fnUntraced(function* (tokens: Tokens) {
  assertTokenInvalid(yield* profileOf(tokens.access))
  assertTokenInvalid(yield* refresh(tokens.refresh))
})

const assertAlive = Effect.fnUntraced(function* (tokens: Tokens) {
  assert.strictEqual((yield* profileOf(tokens.access)).status, 200)
})

const pushToken = (token: string, name: string) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", "/api/v1/users/push-tokens/", { token, body: { token: name, platform: "web", device_name: name } })
  )

/** The names of the person's push tokens that are not silent. */
const liveTokens = ({ id }: Person) =>
  Effect.flatMap(TestApi, ({ sql }) =>
    Effect.map(
      sql<{ readonly name: string }>`select device_name as name from push_tokens where user_id = ${id} and is_active`,
      (rows) => rows.map(({ name }) => name).toSorted()
    )
  )

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("logging out", () => {
    it.effect("by the access token ends its session from the next request on", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const elsewhere = yield* api.login(person)
        yield* assertAlive(person)
        assertLoggedOut(yield* api.send("POST", path, { token: person.access }))
        yield* assertEnded(person)
        yield* assertAlive(elsewhere)
      })
    )

    it.effect("ends the session also if a validly signed token spells its ids differently", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [key] = Jwt.keysOf(api.settings).access
        const respelled = (access: string) => {
          const claims = Jwt.claimsOf(access)
          const [sub, sid, jti] = [claims.sub, claims.sid, claims.jti].map((id) => id.toUpperCase())
          return [
            Jwt.eddsa(key, { ...claims, sub, user_id: sub, sid, jti }),
            Jwt.eddsa(key, { ...claims, sub }),
            Jwt.eddsa(key, { ...claims, sid })
          ]
        }
        const person = yield* api.person()
        const tokens = respelled(person.access)
        for (const token of tokens) yield* assertAlive({ access: token, refresh: "" })
        const sessions = yield* api.send("GET", "/api/v1/users/sessions/", { token: tokens[0] ?? "" })
        assert.isTrue(sessions.body.data[0].current)
        yield* api.send("POST", path, { token: person.access })
        for (const token of [...tokens, person.access]) assertTokenInvalid(yield* profileOf(token))
        for (const index of [0, 1, 2]) {
          const other = yield* api.login(person)
          yield* assertAlive(other)
          assertLoggedOut(yield* api.send("POST", path, { token: respelled(other.access)[index] ?? "" }))
          yield* assertEnded(other)
        }
      })
    )

    it.effect("by a refresh token, in either field, ends its session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const name of ["refresh", "refresh_token"]) {
          const person = yield* api.person()
          yield* assertAlive(person)
          assertLoggedOut(yield* api.send("POST", path, { body: { [name]: person.refresh } }))
          yield* assertEnded(person)
        }
      })
    )

    it.effect("deactivates the push tokens of that session only", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const elsewhere = yield* api.login(person)
        const [mine, other] = [`mine-${person.id}`, `other-${person.id}`]
        yield* pushToken(person.access, mine)
        yield* pushToken(elsewhere.access, other)
        assert.deepStrictEqual(yield* liveTokens(person), [mine, other])
        yield* api.send("POST", path, { token: person.access })
        assert.deepStrictEqual(yield* liveTokens(person), [other])
        const profile = yield* profileOf(elsewhere.access)
        assert.strictEqual(profile.body.data.push_tokens_count, 1)
      })
    )

    it.effect("deactivates push tokens, and the expiry of a session does not", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* pushToken(person.access, `mine-${person.id}`)
        yield* api.pass("8 days")
        assertTokenExpired(yield* refresh(person.refresh))
        assert.deepStrictEqual(yield* liveTokens(person), [`mine-${person.id}`])
      })
    )

    it.effect("twice is no error, by either token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        for (const sent of [
          { token: person.access },
          { token: person.access },
          { body: { refresh: person.refresh } },
          { token: person.access, body: { refresh: person.refresh } }
        ]) {
          assertLoggedOut(yield* api.send("POST", path, sent))
        }
        const told = yield* api.sql`select 1 from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.strictEqual(told.length, 1)
      })
    )

    it.effect("by an expired access token still ends its session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.pass("2 hours")
        assertLoggedOut(yield* api.send("POST", path, { token: person.access }))
        assertTokenInvalid(yield* refresh(person.refresh))
      })
    )

    it.effect(
      "prefers the session of the access token, and uses the refresh token if the access token is invalid",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const person = yield* api.person()
          const elsewhere = yield* api.login(person)
          assertLoggedOut(yield* api.send("POST", path, { token: person.access, body: { refresh: elsewhere.refresh } }))
          yield* assertEnded(person)
          yield* assertAlive(elsewhere)
          for (const token of ["nonsense", elsewhere.refresh]) {
            const third = yield* api.login(person)
            assertLoggedOut(yield* api.send("POST", path, { token, body: { refresh: third.refresh } }))
            yield* assertEnded(third)
          }
          yield* assertAlive(elsewhere)
        })
    )

    it.effect("ignores another user's refresh token next to an access token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const stranger = yield* api.person()
        assertLoggedOut(yield* api.send("POST", path, { token: person.access, body: { refresh: stranger.refresh } }))
        yield* assertEnded(person)
        yield* assertAlive(stranger)
      })
    )

    it.effect("accepts no body, an empty one, null and an empty object", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const body of [undefined, "", "null", "{}", '{"unknown":1}']) {
          const { access } = yield* api.person()
          assertLoggedOut(yield* api.send("POST", path, { token: access, body }))
        }
      })
    )

    it.effect("without a token is 401 authentication_required, without a valid one 401 token_invalid", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        for (const sent of [{}, { body: {} }, { headers: { authorization: "Basic YTpi" } }]) {
          assertUnauthenticated(yield* api.send("POST", path, sent))
        }
        for (const sent of [
          { token: "nonsense" },
          { token: refresh },
          { token: `${access}x` },
          { body: { refresh: "nonsense" } },
          { body: { refresh: access } },
          { token: "nonsense", body: { refresh: "nonsense" } }
        ]) {
          assertTokenInvalid(yield* api.send("POST", path, sent))
        }
      })
    )

    it.effect("validates its body like other routes", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access: token } = yield* api.person()
        assertInvalid(yield* api.send("POST", path, { token, body: { refresh: 1, refresh_token: "" } }), {
          refresh: ["Must be a string."],
          refresh_token: ["This field may not be blank."]
        })
        assertInvalid(yield* api.send("POST", path, { token, body: [] }), { error: ["Must be an object."] })
        assertFailure(
          yield* api.send("POST", path, { token, body: "{" }),
          400,
          "malformed_json",
          "The request body is not valid JSON"
        )
        // None of that was a logout.
        assert.strictEqual((yield* profileOf(token)).status, 200)
      })
    )
  })

  describe("logging out everywhere", () => {
    it.effect("ends and counts all sessions of the user, and no other", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const stranger = yield* api.person()
        const others = [yield* api.login(person), yield* api.login(person)]
        yield* api.send("POST", path, { token: (yield* api.login(person)).access })
        for (const tokens of [person, ...others]) yield* assertAlive(tokens)
        yield* pushToken(person.access, `a-${person.id}`)
        yield* pushToken(others[0]?.access ?? "", `b-${person.id}`)
        const answer = yield* api.send("POST", "/api/v1/users/logout-all/", { token: person.access })
        assertSuccess(answer, 200, "Logged out of all sessions", { revoked_count: 3 })
        for (const tokens of [person, ...others]) yield* assertEnded(tokens)
        assert.deepStrictEqual(yield* liveTokens(person), [])
        yield* assertAlive(stranger)
        const told = yield* api.sql<{ readonly reason: string }>`
          select payload->>'reason' as reason from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.deepStrictEqual(
          told.map(({ reason }) => reason),
          ["logout", "logout_all", "logout_all", "logout_all"]
        )
        yield* assertAlive(yield* api.login(person))
      })
    )

    it.effect("counts live sessions only", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.pass("8 days")
        const { access } = yield* api.login(person)
        const answer = yield* api.send("POST", "/api/v1/users/logout-all/", { token: access })
        assertSuccess(answer, 200, "Logged out of all sessions", { revoked_count: 1 })
      })
    )

    it.effect("requires an access token of a live session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        assertUnauthenticated(yield* api.send("POST", "/api/v1/users/logout-all/"))
        yield* api.send("POST", "/api/v1/users/logout-all/", { token: access })
        assertTokenInvalid(yield* api.send("POST", "/api/v1/users/logout-all/", { token: access }))
      })
    )
  })
})
