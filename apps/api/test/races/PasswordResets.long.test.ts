import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import type { Answer, Person, TestApi } from "../TestApi.ts"
import { Fleet } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const rounds = 200
const users = "/api/v1/users/"

type Process = TestApi["Service"]

const passwordOf = (round: number) => `battery staple number ${round}`

/** Stores a token for a reset, as the worker does. */
const newToken = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, { email, id }: Person) {
  const token = randomUUID()
  yield* sql`
    insert into one_time_tokens (user_id, purpose, token_sha256, email, created_at, expires_at)
    values (${id}, 'password_reset', sha256(convert_to(${token}, 'UTF8')), ${email}, now(), now() + interval '1 hour')`
  return token
})

const reset = (process: Process, token: string, password: string) =>
  process.send("POST", `${users}password-reset/confirm/`, { body: { token, new_password: password } })

const login = (process: Process, email: string, password: string) =>
  process.send("POST", `${users}login/`, { body: { email, password } })

const refreshWith = (process: Process, refresh: string) =>
  process.send("POST", `${users}token/refresh/`, { body: { refresh } })

const liveSessions = (sql: SqlClient.SqlClient, userId: string) =>
  Effect.map(sql`select id from sessions where user_id = ${userId} and revoked_at is null`, (rows) => rows.length)

/** Repeats each attempt until the reset has answered, and returns the answers to the attempts. */
const whileResetting = (resetting: Effect.Effect<Answer>, attempts: ReadonlyArray<Effect.Effect<Answer>>) =>
  Effect.gen(function* () {
    const isReset = yield* Ref.make(false)
    const answers: Array<Answer> = []
    const repeated = Effect.forEach(
      attempts,
      (attempt) =>
        attempt.pipe(
          Effect.tap((answer) => Effect.sync(() => answers.push(answer))),
          Effect.repeat({ until: () => Ref.get(isReset) })
        ),
      { concurrency: "unbounded", discard: true }
    )
    const [answer] = yield* Effect.all([Effect.tap(resetting, Ref.set(isReset, true)), repeated], {
      concurrency: "unbounded"
    })
    assert.strictEqual(answer.status, 200, answer.text)
    return answers
  })

/** What each round does while a reset is in progress, from a new session with the current password. */
type Attempt = (
  process: Process,
  round: { readonly person: Person; readonly password: string }
) => (session: { readonly access: string; readonly refresh: string }) => Effect.Effect<Answer>

const attempts: ReadonlyArray<readonly [name: string, attempt: Attempt]> = [
  [
    "a login with the old password",
    (process, { password, person }) =>
      () =>
        login(process, person.email, password)
  ],
  [
    "refreshes",
    (process) => (session) => {
      let token = session.refresh
      return Effect.suspend(() => refreshWith(process, token)).pipe(
        Effect.tap(({ body, status }) =>
          Effect.sync(() => {
            if (status === 200) token = body.refresh
          })
        )
      )
    }
  ],
  [
    "a change of the password",
    (process, { password }) => {
      const passwords = {
        old_password: password,
        new_password: "set by the change",
        new_password_confirm: "set by the change"
      }
      return ({ access }) => process.send("POST", `${users}change-password/`, { token: access, body: passwords })
    }
  ]
]

describe.skipIf(databaseUrl === "" || redisUrl === "")("a password reset wins against", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    for (const [name, attempt] of attempts) {
      it.effect(
        name,
        () =>
          Effect.gen(function* () {
            const { a, nth, sql } = yield* Fleet
            const person = yield* a.person()
            let password = person.password
            let accepted = 0
            for (let round = 0; round < rounds; round++) {
              const next = passwordOf(round)
              const token = yield* newToken(sql, person)
              const session = (yield* login(a, person.email, password)).body.data.tokens
              const answers = yield* whileResetting(reset(nth(round), token, next), [
                attempt(nth(round + 1), { person, password })(session)
              ])
              assert.strictEqual(yield* liveSessions(sql, person.id), 0)
              assert.strictEqual((yield* login(nth(round), person.email, password)).status, 401)
              assert.strictEqual((yield* login(nth(round), person.email, "set by the change")).status, 401)
              assert.strictEqual((yield* login(nth(round), person.email, next)).status, 200)
              accepted += answers.filter(({ status }) => status === 200).length
              yield* sql`update sessions set revoked_at = now(), revoked_reason = 'revoked' where user_id = ${person.id}`
              password = next
            }
            // Otherwise nothing raced.
            assert.isAbove(accepted, 0)
          }),
        240_000
      )
    }
  })
})
