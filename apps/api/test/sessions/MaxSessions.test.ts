import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertTokenInvalid } from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const users = "/api/v1/users"

const profileOf = (token: string) => Effect.flatMap(TestApi, ({ send }) => send("GET", `${users}/profile/`, { token }))

const sessionsOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) =>
    Effect.map(send("GET", `${users}/sessions/?limit=100`, { token }), ({ body }) =>
      body.data.map((session: { readonly device_name: string }) => session.device_name)
    )
  )

const eventsOf = ({ id }: Person) =>
  Effect.flatMap(
    TestApi,
    ({ sql }) => sql`
      select event_type as type, payload->>'reason' as reason from outbox
      where user_id = ${id} and event_type in ('UserLoggedIn', 'SessionRevoked', 'PushTokenRemoved') order by position`
  )

describe("MAX_SESSIONS", () => {
  it.layer(layerEmbedded({ MAX_SESSIONS: "3" }), { excludeTestServices: true })((it) => {
    it.effect(
      "a login beyond it ends the session unused for the longest time, with an event, and deactivates its push tokens",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const person = yield* api.person()
          yield* api.pass("5 minutes")
          const second = yield* api.login(person, "second")
          yield* api.send("POST", `${users}/push-tokens/`, {
            token: second.access,
            body: { token: `of-${person.id}`, platform: "web" }
          })
          yield* api.pass("5 minutes")
          yield* api.login(person, "third")
          yield* api.pass("5 minutes")
          // The oldest is not the one that was not seen for the longest time.
          assert.strictEqual((yield* profileOf(person.access)).status, 200)
          yield* api.sql`update sessions set last_seen_at = created_at + interval '15 minutes'
          where user_id = ${person.id} and device_name = ''`
          const fourth = yield* api.login(person, "fourth")
          assert.deepStrictEqual(yield* sessionsOf(fourth.access), ["fourth", "third", ""])
          assertTokenInvalid(yield* profileOf(second.access))
          assertTokenInvalid(yield* api.send("POST", `${users}/token/refresh/`, { body: { refresh: second.refresh } }))
          assert.strictEqual((yield* profileOf(fourth.access)).body.data.push_tokens_count, 0)
          assert.deepStrictEqual(yield* eventsOf(person), [
            { type: "UserLoggedIn", reason: null },
            { type: "UserLoggedIn", reason: null },
            { type: "UserLoggedIn", reason: null },
            { type: "SessionRevoked", reason: "evicted" },
            { type: "PushTokenRemoved", reason: "logged_out" }
          ])
          const audit = yield* api.sql`
          select count(*)::int as count from audit_log where user_id = ${person.id} and action = 'session.evicted'`
          assert.deepStrictEqual(audit, [{ count: 1 }])
        })
    )

    it.effect("concurrent logins leave exactly that many sessions", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const logins = yield* Effect.all(
          Array.from({ length: 10 }, () => api.login(person)),
          { concurrency: "unbounded" }
        )
        const statuses = yield* Effect.forEach([person, ...logins], ({ access }) =>
          Effect.map(profileOf(access), ({ status }) => status)
        )
        assert.lengthOf(
          statuses.filter((status) => status === 200),
          3
        )
      })
    )

    it.effect("ended sessions and those of other users do not count", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        yield* api.send("POST", `${users}/logout/`, { token: (yield* api.login(person)).access })
        const others = [yield* api.login(person), yield* api.login(person)]
        for (const { access } of [person, stranger, ...others]) {
          assert.strictEqual((yield* profileOf(access)).status, 200)
        }
      })
    )

    it.effect("a password change ends all other sessions by itself, and evicts none", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.login(person)
        yield* api.login(person)
        const changed = yield* api.send("POST", `${users}/change-password/`, {
          token: person.access,
          body: { old_password: person.password, new_password: "another horse", new_password_confirm: "another horse" }
        })
        assert.strictEqual(changed.status, 200)
        const reasons = (yield* eventsOf(person)).flatMap(({ reason }) => (reason === null ? [] : [reason]))
        assert.deepStrictEqual(reasons, ["password_changed", "password_changed", "password_changed"])
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("is fifty by default", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        for (let count = 1; count < 52; count++) yield* api.login(person)
        const { access } = yield* api.login(person)
        assert.lengthOf(yield* sessionsOf(access), 50)
      })
    )
  })
})
