import { assert, describe, it } from "@effect/vitest"
import { rows } from "@user-service/core/Rows"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import type { Person, TestApi } from "../TestApi.ts"
import { repeatConcurrently, Fleet, countStatuses } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/push-tokens/"

const freshToken = () => `device-${randomUUID()}`

const post = (process: TestApi["Service"], { access }: Person, token: string, fields = {}) =>
  process.send("POST", path, { token: access, body: { token, platform: "android", ...fields } })

const HeldRow = Schema.Struct({ id: Schema.String, userId: Schema.String, isActive: Schema.Boolean })

/** The rows that hold the token. */
const holding = (sql: SqlClient.SqlClient, token: string) =>
  rows(HeldRow)(sql`
    select id, user_id as "userId", is_active as "isActive" from push_tokens where token = ${token}`)

const ToldRow = Schema.Struct({ type: Schema.String, userId: Schema.String, reason: Schema.NullOr(Schema.String) })

/** What was told of the token, over all users, in the order it is published in. */
const told = (sql: SqlClient.SqlClient, token: string) =>
  rows(ToldRow)(sql`
    select event_type as type, user_id as "userId", payload ->> 'reason' as reason
    from outbox where payload ->> 'token' = ${token} order by position`)

describe.skipIf(databaseUrl === "" || redisUrl === "")("push tokens registered at once", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("one token fifty times by one user makes one row, and one 201", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const person = yield* a.person()
        const token = freshToken()
        const answers = yield* repeatConcurrently(50, (index) => post(nth(index), person, token))
        assert.deepStrictEqual(countStatuses(answers), { 200: 49, 201: 1 })
        assert.deepStrictEqual(yield* holding(sql, token), [
          { id: answers[0]?.body.data.id, userId: person.id, isActive: true }
        ])
        assert.strictEqual(new Set(answers.map(({ body }) => body.data.id)).size, 1)
        assert.deepStrictEqual(yield* told(sql, token), [{ type: "PushTokenAdded", userId: person.id, reason: null }])
        yield* assertTellsAll(sql)
      })
    )

    it.effect("fifty tokens of one device make one row with the last of them", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const person = yield* a.person()
        const answers = yield* repeatConcurrently(50, (index) =>
          post(nth(index), person, freshToken(), { device_id: "phone" })
        )
        assert.deepStrictEqual(countStatuses(answers), { 200: 49, 201: 1 })
        assert.strictEqual(new Set(answers.map(({ body }) => body.data.id)).size, 1)
        const { body } = yield* a.send("GET", path, { token: person.access })
        assert.strictEqual(body.meta.total, 1)
        yield* assertTellsAll(sql)
      })
    )

    it.effect("one token by forty users moves between them and stays with one", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const people = yield* Effect.forEach(Array.from({ length: 40 }), () => a.person(), { concurrency: 8 })
        const token = freshToken()
        const answers = yield* Effect.forEach(people, (person, index) => post(nth(index), person, token), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(countStatuses(answers), { 200: 39, 201: 1 })
        const events = yield* told(sql, token)
        const holders = events.filter(({ type }) => type === "PushTokenAdded").map(({ userId }) => userId)
        assert.strictEqual(new Set(holders).size, 40)
        assert.deepStrictEqual(
          events,
          holders.flatMap((userId, index) => {
            const added = { type: "PushTokenAdded", userId, reason: null }
            const from = holders[index - 1]
            return from === undefined
              ? [added]
              : [{ type: "PushTokenRemoved", userId: from, reason: "transferred" }, added]
          })
        )
        assert.deepStrictEqual(
          (yield* holding(sql, token)).map(({ isActive, userId }) => [userId, isActive]),
          [[holders.at(-1), true]]
        )
        yield* assertTellsAll(sql)
      })
    )

    it.effect("sixty tokens of one user leave twenty, and the removal of the others is published", () =>
      Effect.gen(function* () {
        const { a, b, nth, sql } = yield* Fleet
        const person = yield* a.person()
        const answers = yield* repeatConcurrently(60, (index) => post(nth(index), person, freshToken()))
        assert.deepStrictEqual(countStatuses(answers), { 201: 60 })
        const { body } = yield* b.send("GET", `${path}?limit=100`, { token: person.access })
        assert.strictEqual(body.meta.total, 20)
        assert.isTrue(body.data.every((token: { is_active: boolean }) => token.is_active))
        const profile = yield* a.send("GET", "/api/v1/users/profile/", { token: person.access })
        assert.strictEqual(profile.body.data.push_tokens_count, 20)
        const evicted = yield* sql`
          select 1 from outbox where user_id = ${person.id} and payload ->> 'reason' = 'evicted'`
        assert.lengthOf(evicted, 40)
        yield* assertTellsAll(sql)
      })
    )

    it.effect(
      "two users who take over each other's tokens never deadlock",
      () =>
        Effect.gen(function* () {
          const { a, b, sql } = yield* Fleet
          const [ann, ben] = [yield* a.person(), yield* b.person()]
          const tokens = [freshToken(), freshToken()] as const
          yield* post(a, ann, tokens[0])
          yield* post(b, ben, tokens[1])
          for (let round = 0; round < 100; round++) {
            const [mine, theirs] = round % 2 === 0 ? [tokens[1], tokens[0]] : tokens
            const answers = yield* Effect.all(
              [post(a, ann, mine), post(b, ben, theirs), post(b, ann, theirs), post(a, ben, mine)],
              { concurrency: "unbounded" }
            )
            assert.deepStrictEqual(countStatuses(answers), { 200: 4 })
          }
          for (const token of tokens) assert.lengthOf(yield* holding(sql, token), 1)
          yield* assertTellsAll(sql)
        }),
      60_000
    )
  })
})
