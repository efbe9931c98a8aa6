import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import type { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { Fleet } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const users = "/api/v1/users"

/** Waits until this many transactions wait for a lock. */
const untilWaiting = (sql: SqlClient.SqlClient, count: number) =>
  Effect.repeat(sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`, {
    until: (rows) => rows.length === count,
    schedule: Schedule.spaced("10 millis")
  })

describe.skipIf(databaseUrl === "" || redisUrl === "")("a change of the profile", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("that waited for a reset of the password is refused, because its session has ended", () =>
      Effect.gen(function* () {
        const { a, b, sql } = yield* Fleet
        const { access, email, id } = yield* a.person()
        const token = randomUUID()
        yield* sql`
          insert into one_time_tokens (user_id, purpose, token_sha256, email, created_at, expires_at)
          values (${id}, 'password_reset', sha256(convert_to(${token}, 'UTF8')), ${email}, now(), now() + interval '1 hour')`
        const [locked, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        yield* Effect.forkChild(
          sql.withTransaction(
            sql`select 1 from users where id = ${id} for update`.pipe(
              Effect.andThen(Deferred.succeed(locked, undefined)),
              Effect.andThen(Deferred.await(release))
            )
          )
        )
        yield* Deferred.await(locked)
        const body = { token, new_password: "another horse, another staple" }
        const reset = yield* Effect.forkChild(b.send("POST", `${users}/password-reset/confirm/`, { body }))
        yield* untilWaiting(sql, 1)
        const patch = { token: access, body: { phone_number: "+15551234567" } }
        const change = yield* Effect.forkChild(a.send("PATCH", `${users}/profile/`, patch))
        yield* untilWaiting(sql, 2)
        yield* Deferred.succeed(release, undefined)
        assert.strictEqual((yield* Fiber.join(reset)).status, 200)
        const { body: refusal, status } = yield* Fiber.join(change)
        assert.deepStrictEqual([status, refusal.code], [401, "token_invalid"])
        const [user] = yield* sql`select phone_number from users where id = ${id}`
        assert.deepStrictEqual(user, { phone_number: null })
      })
    )
  })
})
