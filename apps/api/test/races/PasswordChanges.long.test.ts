import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { SqlClient } from "effect/sql"
import { pbkdf2Sync } from "node:crypto"
import { inject } from "vitest"
import type { Answer, TestApi } from "../TestApi.ts"
import { Fleet } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const rounds = 200
const users = "/api/v1/users/"

const passwordOf = (round: number) => `battery staple number ${round}`

// As Django stored it before bcrypt, so that the next login wants to put another in its place.
const storeOlderHash = (sql: SqlClient.SqlClient, userId: string, password: string) => {
  const key = pbkdf2Sync(password, "salt", 10, 32, "sha256").toString("base64")
  return sql`update users set password_hash = ${`pbkdf2_sha256$10$salt$${key}`} where id = ${userId}`
}

const sessionOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")).sid

const liveSessions = (sql: SqlClient.SqlClient, userId: string) =>
  Effect.map(sql`select id from sessions where user_id = ${userId} and revoked_at is null`, (rows) =>
    rows.map((row) => row["id"])
  )

const login = (process: TestApi["Service"], email: string, password: string) =>
  process.send("POST", `${users}login/`, { body: { email, password } })

const changePassword = (process: TestApi["Service"], token: string, from: string, to: string) =>
  process.send("POST", `${users}change-password/`, {
    token,
    body: { old_password: from, new_password: to, new_password_confirm: to }
  })

const refreshWith = (process: TestApi["Service"], refresh: string) =>
  process.send("POST", `${users}token/refresh/`, { body: { refresh } })

/** Makes each of the attempts again and again until `change` has answered; what all of them were answered. */
const whileChanging = (change: Effect.Effect<Answer>, attempts: ReadonlyArray<Effect.Effect<Answer>>) =>
  Effect.gen(function* () {
    const changed = yield* Ref.make(false)
    const answers: Array<Answer> = []
    const again = Effect.forEach(
      attempts,
      (attempt) =>
        attempt.pipe(
          Effect.tap((answer) => Effect.sync(() => answers.push(answer))),
          Effect.repeat({ until: () => Ref.get(changed) })
        ),
      { concurrency: "unbounded", discard: true }
    )
    const [answer] = yield* Effect.all([Effect.tap(change, Ref.set(changed, true)), again], {
      concurrency: "unbounded"
    })
    assert.strictEqual(answer.status, 200, answer.text)
    return { tokens: answer.body.data.tokens, answers }
  })

/** Refreshes with the token first, then with what came of it. */
const chain = (process: TestApi["Service"], first: string) => {
  let token = first
  return Effect.suspend(() => refreshWith(process, token)).pipe(
    Effect.tap(({ body, status }) =>
      Effect.sync(() => {
        if (status === 200) token = body.refresh
      })
    )
  )
}

/** Those that were let in, and how many were refused with `code`; there is no third kind. */
const sorted = (answers: ReadonlyArray<Answer>, code: string) => {
  const accepted = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ body, status }) => status === 401 && body.code === code)
  assert.strictEqual(accepted.length + refused.length, answers.length, answers.map(({ text }) => text).join("\n"))
  return { accepted, refused: refused.length }
}

describe.skipIf(databaseUrl === "" || redisUrl === "")("a password change", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect(
      "leaves no session that was opened with the old password",
      () =>
        Effect.gen(function* () {
          const { a, nth, sql } = yield* Fleet
          const person = yield* a.person()
          let { access, password } = person
          const seen = { opened: 0, refused: 0 }
          for (let round = 0; round < rounds; round++) {
            yield* storeOlderHash(sql, person.id, password)
            const next = passwordOf(round)
            const { answers, tokens } = yield* whileChanging(changePassword(nth(round), access, password, next), [
              login(nth(round + 1), person.email, password)
            ])
            assert.deepStrictEqual(yield* liveSessions(sql, person.id), [sessionOf(tokens.access)])
            const { accepted, refused } = sorted(answers, "invalid_credentials")
            const last = accepted.at(-1)
            if (last !== undefined) {
              assert.strictEqual((yield* refreshWith(nth(round), last.body.data.tokens.refresh)).status, 401)
            }
            // The stored hash is the new password's, then: it matches no other.
            assert.strictEqual((yield* login(nth(round), person.email, next)).status, 200)
            seen.opened += accepted.length
            seen.refused += refused
            access = tokens.access
            password = next
          }
          // Else nothing raced.
          assert.isAbove(seen.opened, 0)
          assert.isAbove(seen.refused, 0)
          yield* assertTellsAll(sql)
        }),
      120_000
    )

    it.effect(
      "leaves no earlier refresh token valid",
      () =>
        Effect.gen(function* () {
          const { a, b, nth, sql } = yield* Fleet
          const person = yield* a.person()
          let { access, password, refresh } = person
          const seen = { exchanged: 0, refused: 0 }
          for (let round = 0; round < rounds; round++) {
            const next = passwordOf(round)
            const other = yield* login(a, person.email, password)
            const chains = [chain(a, refresh), chain(b, other.body.data.tokens.refresh)]
            const { answers, tokens } = yield* whileChanging(changePassword(nth(round), access, password, next), chains)
            assert.deepStrictEqual(yield* liveSessions(sql, person.id), [sessionOf(tokens.access)])
            const { accepted, refused } = sorted(answers, "token_invalid")
            for (const newest of chains) assert.strictEqual((yield* newest).status, 401)
            seen.exchanged += accepted.length
            seen.refused += refused
            ;({ access, refresh } = tokens)
            password = next
          }
          assert.isAbove(seen.exchanged, 0)
          assert.isAbove(seen.refused, 0)
          yield* assertTellsAll(sql)
        }),
      120_000
    )
  })
})
