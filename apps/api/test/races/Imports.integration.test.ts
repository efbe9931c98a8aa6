import { assert, describe, it } from "@effect/vitest"
import { convert } from "@user-service/core/imports/DjangoUser"
import { Imports } from "@user-service/core/imports/Imports"
import { PushTokenSettings } from "@user-service/core/push-tokens/PushTokenSettings"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Keys } from "@user-service/security/Keys"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Array, Context, Deferred, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { goodPassword } from "../TestApi.ts"
import { countStatuses, Fleet, repeatConcurrently } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/register/"

/** A user of the Django service, without rows in the other tables. */
const djangoUser = (email: string, username: string) =>
  convert({
    user: {
      id: randomUUID(),
      email,
      username,
      password: "!unusable",
      is_active: true,
      date_joined: "2024-02-29T12:00:00Z"
    },
    profiles: [],
    preferences: [],
    pushTokens: []
  })

/** The import into the database of the fleet. */
const importsOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const context = yield* Layer.build(
    Imports.layer.pipe(
      Layer.provide([
        Layer.succeed(SqlClient.SqlClient, sql),
        Layer.succeed(PushTokenSettings, { maxTokens: 20 }),
        KeyedHashes.layer.pipe(Layer.provide(Keys.layerMemory))
      ])
    )
  )
  return Context.get(context, Imports)
})

/** Holds inserts into the table until the returned effect is run. The scope also ends it. */
const holdInserts = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, table: "users" | "profiles") {
  const [held, released] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const holder = yield* sql`lock table ${sql(table)} in share mode`.pipe(
    Effect.andThen(Deferred.succeed(held, undefined)),
    Effect.andThen(Deferred.await(released)),
    sql.withTransaction,
    Effect.forkScoped
  )
  yield* Deferred.await(held)
  return Effect.andThen(Deferred.succeed(released, undefined), Fiber.join(holder))
})

/** Waits until so many sessions of the database wait for a lock. */
const waiting = (sql: SqlClient.SqlClient, count: number) =>
  waitUntil(
    Effect.map(
      sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      (sessions) => sessions.length >= count
    )
  )

describe.skipIf(databaseUrl === "" || redisUrl === "")("an import and registrations at once", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl, { RATE_LIMIT_REGISTER: "off" }), { excludeTestServices: true })((it) => {
    it.effect.each([
      { first: "import", shared: "email" },
      { first: "import", shared: "username" },
      { first: "registration", shared: "email" },
      { first: "registration", shared: "username" }
    ] as const)("of one $shared: the $first that inserts first wins, and the other is told", ({ first, shared }) =>
      Effect.gen(function* () {
        const { a, sql } = yield* Fleet
        const { importBatch } = yield* importsOf(sql)
        const name = randomUUID()
        const emailOf = (side: string) => `${shared === "email" ? "" : side}${name}@example.com`
        const usernameOf = (side: string) => `${shared === "username" ? "" : side}${name}`
        const importing = importBatch([djangoUser(emailOf("i"), usernameOf("i"))])
        const registering = a.send("POST", path, {
          body: { email: emailOf("r").toUpperCase(), username: usernameOf("r"), password: goodPassword }
        })
        // The first one has inserted its user, and the second one waits for the outcome.
        const release = yield* holdInserts(sql, "profiles")
        const started = <A, E, R>(effect: Effect.Effect<A, E, R>, waiters: number) =>
          Effect.tap(Effect.forkScoped(effect), () => waiting(sql, waiters))
        const importFirst = Effect.all([started(importing, 1), started(registering, 2)])
        const registrationFirst = Effect.map(
          Effect.all([started(registering, 1), started(importing, 2)]),
          ([registration, batch]) => [batch, registration] as const
        )
        const [importer, registrant] = yield* first === "import" ? importFirst : registrationFirst
        yield* release
        const { bad, imported } = yield* Fiber.join(importer)
        const { body, status } = yield* Fiber.join(registrant)
        if (first === "import") {
          assert.deepStrictEqual({ bad, imported, status }, { bad: [], imported: 1, status: 422 })
          assert.deepStrictEqual(Object.keys(body.data), [shared])
        } else {
          assert.deepStrictEqual({ imported, status }, { imported: 0, status: 201 })
          assert.deepStrictEqual(
            bad.map(({ problem }) => problem),
            [`${shared}: Another account has it.`]
          )
        }
        assert.lengthOf(yield* sql`select 1 from users where username like ${`%${name}`}`, 1)
      })
    )

    it.effect("make one whole account of each user, and the other side is told what is taken", () =>
      Effect.gen(function* () {
        const { nth, sql } = yield* Fleet
        const { importBatch } = yield* importsOf(sql)
        const [rounds, batchSize] = [10, 6]
        const outcomes = yield* Effect.forEach(
          Array.range(1, rounds),
          Effect.fnUntraced(function* (round) {
            const emailOf = (index: number) => `both${index}@${round}.example.com`
            const usernameOf = (index: number) => `both${index}_of_${round}`
            const users = Array.makeBy(batchSize, (index) => djangoUser(emailOf(index), usernameOf(index)))
            // Of each three users the address, the username, or both.
            const register = (index: number) =>
              nth(index).send("POST", path, {
                body: {
                  email: index % 3 === 1 ? `other${index}@${round}.example.com` : emailOf(index),
                  password: goodPassword,
                  ...(index % 3 === 0 ? {} : { username: usernameOf(index) })
                }
              })
            // All of them insert at the same moment.
            const release = yield* holdInserts(sql, "users")
            const importer = yield* Effect.forkScoped(importBatch(users))
            const registrants = yield* Effect.forkScoped(repeatConcurrently(batchSize, register))
            yield* waiting(sql, 1 + batchSize)
            yield* release
            return { users, batch: yield* Fiber.join(importer), answers: yield* Fiber.join(registrants) }
          }, Effect.scoped)
        )

        for (const { answers, batch, users } of outcomes) {
          const bad = new Map(batch.bad.map(({ id, problem }) => [id, problem]))
          const { 201: registered = 0, 422: refused = 0 } = countStatuses(answers)
          assert.strictEqual(registered + refused, batchSize)
          assert.deepStrictEqual([batch.imported, bad.size], [refused, registered])
          for (const [index, { body, status }] of answers.entries()) {
            const problem = bad.get(users[index]?.id ?? "")
            if (status === 201) assert.match(problem ?? "", /^(?:email|username): Another account has it\./)
            else assert.includeMembers(["email", "username"], Object.keys(body.data))
          }
        }
        const registered = outcomes.reduce((total, { batch }) => total + batch.bad.length, 0)
        const [left] = yield* sql`
          select count(*)::int as users, count(p.user_id)::int as profiles, count(n.user_id)::int as preferences,
            (count(*) filter (where exists (
              select 1 from outbox o where o.user_id = u.id and event_type = 'UserRegistered')))::int as events
          from users u left join profiles p on p.user_id = u.id left join notification_preferences n on n.user_id = u.id
          where u.email like '%.example.com'`
        const users = rounds * batchSize
        assert.deepStrictEqual(left, { users, profiles: users, preferences: users, events: registered })
      })
    )
  })
})
