import { assert, describe, it } from "@effect/vitest"
import { noPage } from "@user-service/schema/Envelope"
import { Effect } from "effect"
import { assertInvalid, assertTokenExpired, assertTokenInvalid, assertTokens } from "../Answers.ts"
import { type Answer, layerEmbedded, TestApi, type Tokens } from "../TestApi.ts"
import { claimsOf } from "./Jwt.ts"

const path = "/api/v1/users/token/refresh/"

const refresh = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("POST", path, { body: { refresh: token } }))

const tokensOf = (answer: Answer): Tokens => {
  assert.strictEqual(answer.status, 200, answer.text)
  return { access: answer.body.access, refresh: answer.body.refresh }
}

const profileOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", "/api/v1/users/profile/", { token }))

describe("refreshing", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("returns new tokens in the envelope, and the pair next to it for clients of SimpleJWT", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { body, headers, status } = yield* refresh(person.refresh)
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("cache-control"), "no-store")
        const { access, refresh: next } = body
        assert.deepStrictEqual(body, {
          success: true,
          message: "Token refreshed successfully",
          data: body.data,
          error: null,
          meta: noPage,
          access,
          refresh: next
        })
        assertTokens(body.data)
        assert.deepInclude(body.data, { access, refresh: next })
        assert.notStrictEqual(access, person.access)
        assert.notStrictEqual(next, person.refresh)
        assert.strictEqual((yield* profileOf(access)).status, 200)
      })
    )

    it.effect("accepts the token in either field, and prefers `refresh`", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const first = tokensOf(yield* api.send("POST", path, { body: { refresh_token: person.refresh } }))
        tokensOf(yield* api.send("POST", path, { body: { refresh: first.refresh, refresh_token: "nonsense" } }))
      })
    )

    it.effect("can be repeated in the same session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        let tokens: Tokens = person
        for (const _ of [1, 2, 3, 4]) tokens = tokensOf(yield* refresh(tokens.refresh))
        assert.strictEqual(claimsOf(tokens.access).sid, claimsOf(person.access).sid)
        const sessions = yield* api.send("GET", "/api/v1/users/sessions/", { token: tokens.access })
        assert.strictEqual(sessions.body.meta.total, 1)
      })
    )

    it.effect("leaves the previous access token valid until it expires", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        tokensOf(yield* refresh(person.refresh))
        assert.strictEqual((yield* profileOf(person.access)).status, 200)
      })
    )

    it.effect("returns the same successor for the replaced token within the grace period", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const first = tokensOf(yield* refresh(person.refresh))
        yield* api.pass("9 seconds")
        const again = tokensOf(yield* refresh(person.refresh))
        assert.strictEqual(again.refresh, first.refresh)
        tokensOf(yield* refresh(first.refresh))
      })
    )

    it.effect("with one token in concurrent requests results in one successor", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const answers = yield* Effect.all(
          Array.from({ length: 12 }, () => refresh(person.refresh)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(answers.map((answer) => tokensOf(answer).refresh)).size, 1)
      })
    )

    it.effect("with a replaced token after the grace period ends the session, for thief and owner", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.send("POST", "/api/v1/users/push-tokens/", {
          token: person.access,
          body: { token: `phone-of-${person.id}`, platform: "android" }
        })
        const next = tokensOf(yield* refresh(person.refresh))
        yield* api.pass("11 seconds")
        assertTokenInvalid(yield* refresh(person.refresh))
        assertTokenInvalid(yield* refresh(next.refresh))
        assertTokenInvalid(yield* profileOf(next.access))
        assertTokenInvalid(yield* profileOf(person.access))
        const told = yield* api.sql<{ readonly event_type: string; readonly reason: string | null }>`
          select event_type, payload->>'reason' as reason from outbox where user_id = ${person.id}
          order by position offset 2`
        assert.deepStrictEqual(
          told.map(({ event_type, reason }) => [event_type, reason]),
          [
            ["SessionRevoked", "reuse_detected"],
            ["PushTokenRemoved", "logged_out"]
          ]
        )
        const audit = yield* api.sql<{ readonly action: string }>`
          select action from audit_log where user_id = ${person.id} order by id desc limit 1`
        assert.strictEqual(audit[0]?.action, "session.reuse_detected")
        const warned = (yield* api.log).filter((line) => line["user_id"] === person.id && line["reason"] === "reused")
        assert.strictEqual(warned.length, 1)
      })
    )

    it.effect("with a token older than the replaced one ends the session at once", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const first = tokensOf(yield* refresh(person.refresh))
        const second = tokensOf(yield* refresh(first.refresh))
        assertTokenInvalid(yield* refresh(person.refresh))
        assertTokenInvalid(yield* refresh(second.refresh))
      })
    )

    it.effect("with a stolen token does not end other sessions", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const elsewhere = yield* api.login(person)
        const first = tokensOf(yield* refresh(person.refresh))
        tokensOf(yield* refresh(first.refresh))
        assertTokenInvalid(yield* refresh(person.refresh))
        tokensOf(yield* refresh(elsewhere.refresh))
      })
    )

    it.effect("extends the session, but not beyond 90 days after its login", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        let tokens: Tokens = yield* api.person()
        for (let day = 6; day <= 84; day += 6) {
          yield* api.pass("6 days")
          const answer = yield* refresh(tokens.refresh)
          tokens = tokensOf(answer)
          const left = Math.min(7, 90 - day) * 86_400
          assert.approximately(answer.body.data.refresh_expires_in, left, 30, `day ${day}`)
        }
        yield* api.pass("5 days")
        const last = yield* refresh(tokens.refresh)
        tokens = tokensOf(last)
        assert.isBelow(last.body.data.refresh_expires_in, 86_401)
        yield* api.pass("86390 seconds")
        const short = yield* refresh(tokens.refresh)
        // No access token outlives its session.
        assert.isBelow(short.body.data.access_expires_in, 30)
        tokens = tokensOf(short)
        yield* api.pass("30 seconds")
        assertTokenExpired(yield* refresh(tokens.refresh))
        assertTokenExpired(yield* profileOf(tokens.access))
      })
    )

    it.effect("with an expired token is 401 and does not affect the session", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const elsewhere = yield* api.login(person)
        const first = tokensOf(yield* refresh(person.refresh))
        yield* api.pass("4 days")
        const second = tokensOf(yield* refresh(first.refresh))
        yield* api.pass("4 days")
        // Its own seven days are over, those of its session are not.
        assertTokenExpired(yield* refresh(person.refresh))
        tokensOf(yield* refresh(second.refresh))
        assertTokenExpired(yield* refresh(elsewhere.refresh))
        const revoked =
          yield* api.sql`select 1 from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.strictEqual(revoked.length, 0)
      })
    )

    it.effect("with a token of an ended session is 401, and not treated as theft", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.send("POST", "/api/v1/users/logout/", { token: person.access })
        assertTokenInvalid(yield* refresh(person.refresh))
        const told = yield* api.sql<{ readonly reason: string }>`
          select payload->>'reason' as reason from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.deepStrictEqual(
          told.map(({ reason }) => reason),
          ["logout"]
        )
      })
    )

    it.effect("with an access token, a forged one or other text is 401", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const [head, payload, signature = ""] = person.refresh.split(".")
        const forged = `${head}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`
        for (const token of [person.access, forged, "nonsense", "a.b.c", "x".repeat(10_000), "🔑"]) {
          assertTokenInvalid(yield* refresh(token))
        }
      })
    )

    it.effect("without a token, with a blank one or one that is no text is 422", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const required = "This field is required."
        const blank = "This field may not be blank."
        const text = "Must be a string."
        assertInvalid(yield* send("POST", path, { body: {} }), { refresh: [required] })
        assertInvalid(yield* send("POST", path, { body: { refresh: "" } }), { refresh: [blank] })
        assertInvalid(yield* send("POST", path, { body: { refresh_token: "" } }), { refresh_token: [blank] })
        assertInvalid(yield* send("POST", path, { body: { refresh: null, refresh_token: 1 } }), {
          refresh: [text],
          refresh_token: [text]
        })
      })
    )

    it.effect("needs no access token, and ignores an invalid one", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        tokensOf(yield* api.send("POST", path, { token: "expired long ago", body: { refresh: person.refresh } }))
      })
    )
  })

  it.layer(
    layerEmbedded({ REFRESH_GRACE_SECONDS: "0", ACCESS_TOKEN_LIFETIME_MINUTES: "5", REFRESH_TOKEN_LIFETIME_DAYS: "2" }),
    {
      excludeTestServices: true
    }
  )((it) => {
    it.effect("follows REFRESH_GRACE_SECONDS and the lifetimes", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { body } = yield* refresh(person.refresh)
        assertTokens(body.data, 300, 172_800)
        yield* api.pass("1 second")
        assertTokenInvalid(yield* refresh(person.refresh))
        assertTokenInvalid(yield* refresh(body.refresh))
      })
    )
  })
})
