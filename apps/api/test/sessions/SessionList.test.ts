import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import {
  assertFailure,
  assertInvalid,
  assertTokenInvalid,
  assertUnauthenticated,
  pageOf,
  time,
  uuidV7
} from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { claimsOf } from "./Jwt.ts"

const path = "/api/v1/users/sessions/"
const message = "Sessions retrieved successfully"

const list = (token: string, query = "") => Effect.flatMap(TestApi, ({ send }) => send("GET", path + query, { token }))

const revoke = (token: string, id: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("DELETE", `${path}${id}/`, { token }))

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the sessions of a user", () => {
    it.effect("are listed newest first, with the current one marked", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.pass("1 minute")
        const phone = yield* api.login(person, "phone")
        const sessions = pageOf(yield* list(person.access), message, { total: 2, total_pages: 1 })
        const [newest, oldest] = sessions
        assert.match(newest.id, uuidV7)
        for (const field of ["created_at", "last_seen_at", "expires_at"]) assert.match(newest[field], time)
        assert.deepStrictEqual(newest, {
          id: claimsOf(phone.access).sid,
          device_name: "phone",
          user_agent: newest.user_agent,
          ip: "127.0.0.1",
          created_at: newest.created_at,
          last_seen_at: newest.created_at,
          expires_at: new Date(Date.parse(newest.created_at) + 604_800_000).toISOString(),
          current: false
        })
        assert.deepInclude(oldest, { id: claimsOf(person.access).sid, device_name: "", current: true })
        assert.isBelow(Date.parse(oldest.created_at), Date.parse(newest.created_at))
        const seenFromThere = pageOf(yield* list(phone.access), message, { total: 2, total_pages: 1 })
        assert.deepStrictEqual(
          seenFromThere.map(({ current }) => current),
          [true, false]
        )
      })
    )

    it.effect("are only live sessions of this user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.person()
        yield* api.pass("8 days")
        const ended = yield* api.login(person, "ended")
        yield* api.send("POST", "/api/v1/users/logout/", { token: ended.access })
        const { access } = yield* api.login(person, "alive")
        const sessions = pageOf(yield* list(access), message, { total: 1, total_pages: 1 })
        assert.deepStrictEqual(
          sessions.map(({ device_name }) => device_name),
          ["alive"]
        )
      })
    )

    it.effect("are paged", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        for (const name of ["a", "b", "c", "d"]) yield* api.login(person, name)
        const names = (sessions: ReadonlyArray<{ readonly device_name: string }>) =>
          sessions.map(({ device_name }) => device_name)
        const counts = { total: 5, limit: 2, total_pages: 3 }
        const pages = [
          pageOf(yield* list(person.access, "?limit=2"), message, { ...counts, has_next: true }),
          pageOf(yield* list(person.access, "?limit=2&page=2"), message, {
            ...counts,
            page: 2,
            has_next: true,
            has_previous: true
          }),
          pageOf(yield* list(person.access, "?page=3&limit=2"), message, { ...counts, page: 3, has_previous: true })
        ]
        assert.deepStrictEqual(pages.map(names), [["d", "c"], ["b", "a"], [""]])
        const past = pageOf(yield* list(person.access, "?limit=2&page=4"), message, {
          ...counts,
          page: 4,
          has_previous: true
        })
        assert.deepStrictEqual(past, [])
        assert.strictEqual((yield* list(person.access, "?limit=100")).body.data.length, 5)
      })
    )

    it.effect("with an invalid page or limit are 422", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const page = ["Must be an integer of at least 1."]
        const limit = ["Must be an integer between 1 and 100."]
        for (const bad of ["abc", "0", "-1", "1.5", "", "1e3", "%00"]) {
          assertInvalid(yield* list(access, `?page=${bad}`), { page })
          assertInvalid(yield* list(access, `?limit=${bad}`), { limit })
        }
        assertInvalid(yield* list(access, "?limit=101&page=x"), { page, limit })
      })
    )

    it.effect("require an access token", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
      })
    )

    it.effect("have the time of the last use, at most a minute late", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const lastSeen = Effect.map(list(person.access), ({ body }) => Date.parse(body.data[0].last_seen_at))
        const before = yield* lastSeen
        yield* api.pass("50 seconds")
        yield* lastSeen
        yield* api.pass("5 seconds")
        assert.strictEqual(yield* lastSeen, before)
        yield* api.pass("20 seconds")
        yield* lastSeen
        // Written with a batch, within five seconds.
        yield* api.pass("6 seconds")
        const after = yield* lastSeen.pipe(
          Effect.repeat({ until: (at) => at > before, schedule: Schedule.spaced("10 millis") })
        )
        assert.isAtLeast(after - before, 60_000)
      })
    )
  })

  describe("revoking a session", () => {
    it.effect("is 204 without a body, ends it from the next request on, and deactivates its push tokens", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        const profile = (token: string) => api.send("GET", "/api/v1/users/profile/", { token })
        assert.strictEqual((yield* profile(other.access)).status, 200)
        yield* api.send("POST", "/api/v1/users/push-tokens/", {
          token: other.access,
          body: { token: `other-${person.id}`, platform: "web" }
        })
        const answer = yield* revoke(person.access, claimsOf(other.access).sid)
        assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("content-type")], [204, "", null])
        assertTokenInvalid(yield* profile(other.access))
        assertTokenInvalid(
          yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: other.refresh } })
        )
        assert.strictEqual((yield* profile(person.access)).body.data.push_tokens_count, 0)
        const told = yield* api.sql<{ readonly reason: string }>`
          select payload->>'reason' as reason from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.deepStrictEqual(
          told.map(({ reason }) => reason),
          ["revoked"]
        )
      })
    )

    it.effect("also works for the current one", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        assert.strictEqual((yield* revoke(access, claimsOf(access).sid)).status, 204)
        assertTokenInvalid(yield* list(access))
      })
    )

    it.effect("answers another user's, an ended, an absent and a malformed id with the same bytes of 404", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const stranger = yield* api.person()
        const ended = claimsOf((yield* api.login(person)).access).sid
        yield* revoke(person.access, ended)
        const malformed = ["x", "1", "%00", "null", ended.slice(1), `${ended}0`, "x".repeat(5000), "%F0%9F%94%91"]
        const answers = yield* Effect.forEach(
          [claimsOf(stranger.access).sid, ended, randomUUID(), ...malformed],
          (id) => revoke(person.access, id)
        )
        for (const answer of answers) {
          assertFailure(answer, 404, "not_found", "Session not found")
          assert.strictEqual(answer.text, answers[0]?.text)
        }
        assert.strictEqual((yield* list(stranger.access)).status, 200)
      })
    )

    it.effect("requires an access token", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertUnauthenticated(yield* send("DELETE", `${path}${randomUUID()}/`))
      })
    )
  })
})
