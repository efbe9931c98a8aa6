import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { goodPassword } from "../TestApi.ts"
import { repeatConcurrently, Fleet, countStatuses } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/register/"

// One address in fifty spellings.
const spelling = (index: number): string => {
  const written = Array.from("grace.hopper@example.com", (letter, at) =>
    (index >> (at % 6)) % 2 === 0 ? letter : letter.toUpperCase()
  ).join("")
  return " ".repeat(index % 3) + written + " ".repeat(index % 2)
}

describe.skipIf(databaseUrl === "" || redisUrl === "")("registrations at once", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("of one e-mail in any spelling, one succeeds and writes each row once", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const answers = yield* repeatConcurrently(50, (index) =>
          nth(index).send("POST", path, { body: { email: spelling(index), password: goodPassword } })
        )
        assert.deepStrictEqual(countStatuses(answers), { 201: 1, 422: 49 })
        for (const { body, status } of answers) {
          if (status === 422) assert.deepStrictEqual(Object.keys(body.data), ["email"])
        }
        const [left] = yield* sql`
          select (select count(*)::int from users) as users, (select count(*)::int from profiles) as profiles,
            (select count(*)::int from notification_preferences) as preferences,
            (select count(*)::int from sessions) as sessions, (select count(*)::int from outbox) as events`
        assert.deepStrictEqual(left, { users: 1, profiles: 1, preferences: 1, sessions: 1, events: 1 })
        yield* assertTellsAll(sql)
      })
    )

    it.effect(
      "with one idempotency key, one takes effect, and the others are refused as in progress or repeat its result",
      () =>
        Effect.gen(function* () {
          const { nth, sql } = yield* Fleet
          const headers = { "idempotency-key": randomUUID() }
          const body = { email: "repeated@example.com", password: goodPassword, push_token: "repeated-token" }
          const attempt = (index: number) => nth(index).send("POST", path, { body, headers })
          const answers = [...(yield* repeatConcurrently(100, attempt)), yield* attempt(0), yield* attempt(1)]
          const made = answers.filter(({ status }) => status === 201)
          assert.isAtLeast(made.length, 3)
          assert.strictEqual(new Set(made.map((answer) => answer.body.data.id)).size, 1)
          assert.strictEqual(new Set(made.map((answer) => answer.body.data.tokens.refresh)).size, made.length)
          for (const answer of answers.filter(({ status }) => status !== 201)) {
            assert.deepStrictEqual([answer.status, answer.body.code], [409, "conflict"])
          }
          const [left] = yield* sql`
          select count(*)::int as users, (select count(*)::int from sessions s where s.user_id = any(array_agg(u.id))) as sessions,
            (select count(*)::int from outbox o where o.user_id = any(array_agg(u.id)) and event_type = 'UserRegistered') as events
          from users u where email = ${body.email}`
          assert.deepStrictEqual(left, { users: 1, sessions: made.length, events: 1 })
          yield* assertTellsAll(sql)
        })
    )

    it.effect("with one idempotency key and different bodies, one succeeds", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const headers = { "idempotency-key": randomUUID() }
        const answers = yield* repeatConcurrently(40, (index) =>
          nth(index).send("POST", path, {
            body: { email: `reuser${index}@example.com`, password: goodPassword },
            headers
          })
        )
        assert.lengthOf(
          answers.filter(({ status }) => status === 201),
          1
        )
        for (const answer of answers.filter(({ status }) => status !== 201)) {
          assert.include(["409 conflict", "422 idempotency_key_reused"], `${answer.status} ${answer.body.code}`)
        }
        assert.lengthOf(yield* sql`select 1 from users where email like 'reuser%'`, 1)
        yield* assertTellsAll(sql)
      })
    )

    it.effect("of one local part in fifty domains, all succeed with different usernames", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const answers = yield* repeatConcurrently(50, (index) =>
          nth(index).send("POST", path, { body: { email: `ada@${index}.example.com`, password: goodPassword } })
        )
        assert.deepStrictEqual(countStatuses(answers), { 201: 50 })
        assert.deepStrictEqual(
          answers.map(({ body }) => body.data.username).toSorted(),
          ["ada", ...Array.from({ length: 49 }, (_, index) => `ada${index + 1}`)].toSorted()
        )
        yield* assertTellsAll(sql)
      })
    )

    it.effect("with one push token, all succeed and one of them holds it", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const token = "one-installation"
        const answers = yield* repeatConcurrently(30, (index) =>
          nth(index).send("POST", path, {
            body: { email: `installer${index}@example.com`, password: goodPassword, push_token: token }
          })
        )
        assert.deepStrictEqual(countStatuses(answers), { 201: 30 })
        assert.lengthOf(yield* sql`select 1 from push_tokens where token = ${token} and is_active`, 1)
        yield* assertTellsAll(sql)
      })
    )

    it.effect("of one username in any case, one succeeds", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const answers = yield* repeatConcurrently(20, (index) =>
          nth(index).send("POST", path, {
            body: {
              email: `mathematician${index}@example.com`,
              password: goodPassword,
              username: index % 2 === 0 ? "Noether" : "noethER"
            }
          })
        )
        assert.deepStrictEqual(countStatuses(answers), { 201: 1, 422: 19 })
        for (const { body, status } of answers) {
          if (status === 422) assert.deepStrictEqual(Object.keys(body.data), ["username"])
        }
        yield* assertTellsAll(sql)
      })
    )
  })
})
