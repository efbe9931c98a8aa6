import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
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
    it.effect("of one e-mail in any spelling, one succeeds and leaves one of everything", () =>
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

    it.effect("of one local part in fifty domains, all succeed under usernames of their own", () =>
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
