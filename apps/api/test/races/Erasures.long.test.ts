import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import { type Answer, goodPassword, type Person, type TestApi } from "../TestApi.ts"
import { countStatuses, Fleet } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const users = "/api/v1/users/"
const rounds = 200

type Process = TestApi["Service"]

const erase = (process: Process, token: string) =>
  process.send("DELETE", `${users}profile/`, { token, body: { password: goodPassword } })

const register = (process: Process, email: string) =>
  process.send("POST", `${users}register/`, { body: { email, password: goodPassword } })

const call = (process: Process, way: string, body: unknown) =>
  process.send("POST", `/internal/v1/deliveries/${way}`, { headers: { "x-api-key": gatewayKey }, body })

const emailTo = ({ id }: Person, notificationId = randomUUID()) => ({
  notification_id: notificationId,
  user_id: id,
  channel: "email",
  category: "marketing"
})

/** What a user, their devices and the senders do at the moment of the erasure, with the statuses that each may get. */
const othersOf = (a: Process, b: Process, person: Person, notificationId: string) => {
  const token = person.access
  const notification = { notification_id: notificationId, channel: "email", user_id: person.id, error: "no mailbox" }
  const others: ReadonlyArray<readonly [Effect.Effect<Answer>, ReadonlyArray<number>]> = [
    [a.send("PUT", `${users}preferences/`, { token, body: { frequency_limit: 7 } }), [200, 401, 404]],
    [b.send("PATCH", `${users}profile/`, { token, body: { profile: { bio: "x" } } }), [200, 401, 404]],
    [
      b.send("POST", `${users}push-tokens/`, { token, body: { token: `fcm:${randomUUID()}`, platform: "ios" } }),
      [201, 401, 404]
    ],
    [b.send("POST", `${users}login/`, { body: { email: person.email, password: goodPassword } }), [200, 401]],
    [a.send("POST", `${users}token/refresh/`, { body: { refresh: person.refresh } }), [200, 401]],
    [a.send("POST", `${users}logout-all/`, { token }), [200, 401]],
    [b.send("GET", `${users}profile/`, { token }), [200, 401, 404]],
    [call(b, "resolve", { deliveries: [emailTo(person)] }), [200]],
    [call(a, "status", { statuses: [{ ...notification, status: "failed" }] }), [200]],
    [call(b, "status", { statuses: [{ ...notification, status: "bounced", bounce_type: "hard" }] }), [200]]
  ]
  return others
}

describe.skipIf(databaseUrl === "" || redisUrl === "")("an erasure across processes", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl, withGateway), { excludeTestServices: true })((it) => {
    it.effect("leaves nothing of the user, whatever happens at the same moment", () =>
      Effect.gen(function* () {
        const { a, b, sql } = yield* Fleet
        const answers: Array<Answer> = []
        for (let round = 0; round < rounds; round++) {
          const person = yield* (round % 2 === 0 ? a : b).person()
          const delivery = emailTo(person)
          yield* call(a, "resolve", { deliveries: [delivery] })
          const others = othersOf(a, b, person, delivery.notification_id)
          // Another order in each round, so that each is before the erasure sometimes.
          const turned = [...others.slice(round % others.length), ...others.slice(0, round % others.length)]
          const half = turned.length / 2
          const run = ([request, allowed]: (typeof others)[number]) =>
            Effect.tap(request, ({ status, text }) => Effect.sync(() => assert.include(allowed, status, text)))
          const erasing = Effect.tap(erase(round % 3 === 0 ? b : a, person.access), (answer) =>
            Effect.sync(() => answers.push(answer))
          )
          const concurrent = [...turned.slice(0, half).map(run), erasing, ...turned.slice(half).map(run)]
          yield* Effect.all(concurrent, { concurrency: "unbounded", discard: true })
          // A logout before the erasure ends its session; the next login of the user erases the account.
          if (answers.at(-1)?.status === 401) {
            const { access } = yield* a.login(person)
            assert.strictEqual((yield* erase(b, access)).status, 204)
          }
          for (const process of [a, b]) {
            const refreshed = yield* process.send("POST", `${users}token/refresh/`, {
              body: { refresh: person.refresh }
            })
            assert.strictEqual(refreshed.status, 401)
          }
        }
        const counts = countStatuses(answers)
        assert.strictEqual((counts[204] ?? 0) + (counts[401] ?? 0), rounds, JSON.stringify(counts))
        assert.isAbove(counts[204] ?? 0, rounds / 4)
        const [left] = yield* sql`
          select
            (select count(*)::int from users) as users,
            (select count(*)::int from push_tokens) as tokens,
            (select count(*)::int from sessions) as sessions,
            (select count(*)::int from suppressions) as suppressions,
            (select count(*)::int from deliveries where user_id is not null or error is not null) as deliveries,
            (select count(*)::int from outbox where event_type <> 'UserDeleted') as events,
            (select count(*)::int from outbox where event_type = 'UserDeleted') as erasures,
            (select count(*)::int from audit_log where ip is not null or user_agent <> '' or details <> '{}') as audit,
            (select count(*)::int from erasures where finished_at is null) as unfinished`
        assert.deepStrictEqual(left, {
          users: 0,
          tokens: 0,
          sessions: 0,
          suppressions: 0,
          deliveries: 0,
          events: 0,
          erasures: rounds,
          audit: 0,
          unfinished: 0
        })
      })
    )

    it.effect(
      "and a registration of the same address at once have one account or none, of which the new one lives",
      () =>
        Effect.gen(function* () {
          const { a, b, sql } = yield* Fleet
          for (let round = 0; round < rounds / 4; round++) {
            const person = yield* a.person()
            const [erased, ...registered] = yield* Effect.all(
              [erase(a, person.access), register(b, person.email), register(a, person.email)],
              { concurrency: "unbounded" }
            )
            assert.strictEqual(erased.status, 204)
            for (const { status, text } of registered) assert.include([201, 422], status, text)
            const made = registered.filter(({ status }) => status === 201)
            assert.isAtMost(made.length, 1)
            if (made.length === 0) assert.strictEqual((yield* register(b, person.email)).status, 201)
            const found = yield* sql`select id from users where email = ${person.email}`
            assert.lengthOf(found, 1)
            assert.notStrictEqual(found[0]?.["id"], person.id)
          }
        })
    )

    it.effect("of one account from both at once is one erasure", () =>
      Effect.gen(function* () {
        const { a, b, sql } = yield* Fleet
        for (let round = 0; round < 20; round++) {
          const person = yield* a.person()
          const answers = yield* Effect.all(
            [a, b, a, b].map((process) => erase(process, person.access)),
            {
              concurrency: "unbounded"
            }
          )
          for (const { status } of answers) assert.include([204, 401], status)
          assert.strictEqual(countStatuses(answers)[204], 1)
          assert.lengthOf(yield* sql`select 1 from outbox where user_id = ${person.id}`, 1)
        }
      })
    )

    it.effect("is refused where it was made at once, and on the other within a second", () =>
      Effect.gen(function* () {
        const { a, b } = yield* Fleet
        for (const [here, there] of [
          [a, b],
          [b, a]
        ] as const) {
          const { access } = yield* here.person()
          const read = (process: Process) => process.send("GET", `${users}profile/`, { token: access })
          for (const process of [here, there]) assert.strictEqual((yield* read(process)).status, 200)
          assert.strictEqual((yield* erase(here, access)).status, 204)
          const start = yield* Clock.currentTimeMillis
          let lastLetIn = 0
          const attempt = Effect.gen(function* () {
            const sent = (yield* Clock.currentTimeMillis) - start
            const answer = yield* read(there)
            // The account is gone: a session that is still trusted finds no profile.
            assert.include([401, 404], answer.status)
            if (answer.status !== 401) lastLetIn = sent
            return answer
          })
          assert.strictEqual((yield* read(here)).status, 401)
          yield* Effect.repeat(attempt, {
            until: ({ status }) => status === 401,
            schedule: Schedule.spaced("5 millis")
          })
          assert.isBelow(lastLetIn, 1000)
        }
      })
    )
  })
})
