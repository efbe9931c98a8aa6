import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { goodPassword, type TestApi } from "../TestApi.ts"
import { Fleet } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const users = "/api/v1/users/"
const promised = Duration.seconds(1)

const read = (process: TestApi["Service"], token: string) => process.send("GET", `${users}profile/`, { token })

/** Reads until it is refused: with what, and how long from now on the last request was sent that was still let in. */
const untilRefused = Effect.fnUntraced(function* (process: TestApi["Service"], token: string) {
  const start = yield* Clock.currentTimeMillis
  let lastLetIn = 0
  const attempt = Effect.gen(function* () {
    const sent = (yield* Clock.currentTimeMillis) - start
    const answer = yield* read(process, token)
    if (answer.status === 200) lastLetIn = sent
    return answer
  })
  const refused = yield* Effect.repeat(attempt, {
    until: ({ status }) => status !== 200,
    schedule: Schedule.spaced("5 millis")
  })
  return { refused, lastLetIn }
})

const endings = [
  {
    name: "a logout",
    end: (process: TestApi["Service"], token: string) => process.send("POST", `${users}logout/`, { token })
  },
  {
    name: "a logout everywhere",
    end: (process: TestApi["Service"], token: string) => process.send("POST", `${users}logout-all/`, { token })
  },
  {
    name: "a password change",
    end: (process: TestApi["Service"], token: string) => {
      const next = "another battery staple"
      const body = { old_password: goodPassword, new_password: next, new_password_confirm: next }
      return process.send("POST", `${users}change-password/`, { token, body })
    }
  }
]

describe.skipIf(databaseUrl === "" || redisUrl === "")("across processes", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    for (const { end, name } of endings) {
      it.effect(`${name} on one is refused there at once and on the other within a second`, () =>
        Effect.gen(function* () {
          const { a, b, sql } = yield* Fleet
          for (const [here, there] of [
            [a, b],
            [b, a]
          ] as const) {
            const { access } = yield* here.person()
            // Now each believes for itself that the session lives.
            for (const process of [here, there]) assert.strictEqual((yield* read(process, access)).status, 200)
            assert.strictEqual((yield* end(here, access)).status, 200)
            const [next, { lastLetIn, refused }] = yield* Effect.all(
              [read(here, access), untilRefused(there, access)],
              {
                concurrency: "unbounded"
              }
            )
            for (const { body, status } of [next, refused]) {
              assert.deepStrictEqual([status, body.code], [401, "token_invalid"])
            }
            assert.isBelow(lastLetIn, Duration.toMillis(promised))
          }
          yield* assertTellsAll(sql)
        })
      )

      it.effect(`${name} leaves no active push token with an ended session, also with a concurrent registration`, () =>
        Effect.gen(function* () {
          const { a, b, sql } = yield* Fleet
          for (let round = 0; round < 20; round++) {
            const { access } = yield* a.person()
            // So that the other process lets the session in for a while yet.
            assert.strictEqual((yield* read(b, access)).status, 200)
            const register = b.send("POST", `${users}push-tokens/`, {
              token: access,
              body: { token: randomUUID(), platform: "ios" }
            })
            const [ended, ...registered] = yield* Effect.all([end(a, access), register, register, register], {
              concurrency: "unbounded"
            })
            assert.strictEqual(ended.status, 200)
            for (const { status } of [...registered, yield* register]) assert.include([200, 201, 401], status)
          }
          const left = yield* sql`
            select 1 from push_tokens t join sessions s on s.id = t.session_id
            where t.is_active and s.revoked_at is not null`
          assert.lengthOf(left, 0)
          yield* assertTellsAll(sql)
        })
      )
    }
  })
})
