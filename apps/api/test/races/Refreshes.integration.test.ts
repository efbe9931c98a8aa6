import { assert, describe, it } from "@effect/vitest"
import { rows } from "@user-service/core/Rows"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { repeatConcurrently, Fleet, countStatuses } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const refreshPath = "/api/v1/users/token/refresh/"
const profilePath = "/api/v1/users/profile/"

const Standing = Schema.Struct({ generation: Schema.Int, reason: Schema.NullOr(Schema.String), audits: Schema.Int })

/** The sessions of the user, with how often each was put on record as stolen. */
const standing = (sql: SqlClient.SqlClient, userId: string) =>
  rows(Standing)(sql`
    select generation, revoked_reason as reason, (
      select count(*)::int from audit_log a
      where a.action = 'session.reuse_detected' and a.details ->> 'sessionId' = s.id::text
    ) as audits
    from sessions s where user_id = ${userId}`)

describe.skipIf(databaseUrl === "" || redisUrl === "")("refreshes of one token at once", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("all get the same successor", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const { id, refresh } = yield* a.person()
        const answers = yield* repeatConcurrently(50, (index) =>
          nth(index).send("POST", refreshPath, { body: { refresh } })
        )
        assert.deepStrictEqual(countStatuses(answers), { 200: 50 })
        const successors = new Set(answers.map(({ body }) => body.refresh))
        assert.strictEqual(successors.size, 1)
        assert.isFalse(successors.has(refresh))
        assert.deepStrictEqual(yield* standing(sql, id), [{ generation: 2, reason: null, audits: 0 }])
        for (const [index, { body }] of answers.entries()) {
          const { status } = yield* nth(index + 1).send("GET", profilePath, { token: body.access })
          assert.strictEqual(status, 200)
        }
        yield* assertTellsAll(sql)
      })
    )

    it.effect("after the grace period, the session is revoked once and none of its tokens is valid", () =>
      Effect.gen(function* () {
        const { a, b, sql, start } = yield* Fleet
        const strict = yield* start({ REFRESH_GRACE_SECONDS: "0" })
        const victim = yield* a.person()
        const exchanged = yield* a.send("POST", refreshPath, { body: { refresh: victim.refresh } })
        const { access, refresh } = exchanged.body
        const again = yield* b.send("POST", refreshPath, { body: { refresh: victim.refresh } })
        assert.strictEqual(again.body.refresh, refresh)

        const stolen = yield* repeatConcurrently(20, () =>
          strict.send("POST", refreshPath, { body: { refresh: victim.refresh } })
        )
        assert.deepStrictEqual(countStatuses(stolen), { 401: 20 })
        assert.isTrue(stolen.every(({ body }) => body.code === "token_invalid"))
        assert.deepStrictEqual(yield* standing(sql, victim.id), [
          { generation: 2, reason: "reuse_detected", audits: 1 }
        ])
        for (const token of [victim.refresh, refresh, again.body.refresh]) {
          for (const process of [a, b, strict]) {
            const { status } = yield* process.send("POST", refreshPath, { body: { refresh: token } })
            assert.strictEqual(status, 401)
          }
        }
        assert.strictEqual((yield* strict.send("GET", profilePath, { token: access })).status, 401)
        yield* assertTellsAll(sql)
      })
    )

    it.effect("with the oldest token and the newest, the session is revoked in either order", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        for (let round = 0; round < 20; round++) {
          const { id, refresh } = yield* a.person()
          const second = (yield* a.send("POST", refreshPath, { body: { refresh } })).body.refresh
          const third = (yield* a.send("POST", refreshPath, { body: { refresh: second } })).body.refresh
          const [stolen, kept] = yield* Effect.all(
            [
              nth(round).send("POST", refreshPath, { body: { refresh } }),
              nth(round + 1).send("POST", refreshPath, { body: { refresh: third } })
            ],
            { concurrency: "unbounded" }
          )
          assert.strictEqual(stolen.status, 401)
          assert.include([200, 401], kept.status)
          const last = kept.status === 200 ? kept.body.refresh : third
          const after = yield* nth(round).send("POST", refreshPath, { body: { refresh: last } })
          assert.strictEqual(after.status, 401)
          const sessions = yield* standing(sql, id)
          assert.deepStrictEqual(
            sessions.map(({ audits, reason }) => [reason, audits]),
            [["reuse_detected", 1]]
          )
        }
        yield* assertTellsAll(sql)
      })
    )
  })
})
