import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Duration, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { goodPassword, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const timeout = 280_000
const users = "/api/v1/users"
const mark = "canary-of-a-history"

/** A user with as many deliveries, audit entries and published events. */
const historyOf = Effect.fnUntraced(function* (id: string, count: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`set local statement_timeout = 0`
      yield* sql`
        insert into deliveries (id, notification_id, place, user_id, channel, category, status, error, charged_on, is_charged,
          created_at, updated_at)
        select uuid_v7(), ${id}::text || n, 0, ${id}, 'email', 'marketing', 'bounced', ${mark}, current_date, true,
          now() - n * interval '1 second', now()
        from generate_series(1, ${count}::int) n`
      yield* sql`
        insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
        select ${id}, ${id}, 'profile.updated', '192.0.2.77', ${mark}, '{"a":1}', now() - n * interval '1 second'
        from generate_series(1, ${count}::int) n`
      yield* sql`
        insert into outbox (user_id, user_version, event_type, payload, created_at, published_at)
        select ${id}, n, 'UserUpdated', jsonb_build_object('bio', ${mark}::text), now(), now()
        from generate_series(1, ${count}::int) n`
    })
  )
  yield* sql`analyze deliveries, audit_log, outbox`
})

const stateOf = Effect.fnUntraced(function* (id: string) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`
    select
      (select count(*)::int from users where id = ${id}) as users,
      (select count(*)::int from deliveries where user_id = ${id}) as deliveries,
      (select count(*)::int from deliveries where notification_id like ${`${id}%`} and error is not null) as errors,
      (select count(*)::int from audit_log where user_id = ${id} and user_agent = ${mark}) as audit,
      (select count(*)::int from outbox where user_id = ${id} and event_type = 'UserUpdated') as events,
      (select count(*)::int from outbox where user_id = ${id} and event_type = 'UserDeleted') as erased,
      (select count(*)::int from erasures where user_id = ${id} and finished_at is null) as unfinished`
  return row
})

const gone = { users: 0, deliveries: 0, errors: 0, audit: 0, events: 0, erased: 1, unfinished: 0 }

const erase = (url: string, token: string) =>
  sender(url)("DELETE", `${users}/profile/`, { token, body: { password: goodPassword } })

const withDatabase = (url: string) => Effect.provide(Postgres.layer(TestDatabase.settingsOf(url, 4)))

describe.skipIf(!Engines.areAvailable)("an erasure", () => {
  it.live(
    "of a user with 100,000 deliveries, audit entries and events is answered in seconds, and completed by the worker",
    () =>
      Effect.gen(function* () {
        const engines = { ...(yield* Engines.all), BCRYPT_COST: "10", RATE_LIMIT_REGISTER: "off" }
        const api = yield* Program.start(engines, "api")
        yield* Effect.gen(function* () {
          const { access, email, id } = yield* register(sender(api.url))
          yield* historyOf(id, 100_000)
          const [elapsed, erased] = yield* Effect.timed(erase(api.url, access))
          assert.strictEqual(erased.status, 204, erased.text)
          assert.isBelow(Duration.toMillis(elapsed), 10_000)
          const again = yield* sender(api.url)("POST", `${users}/register/`, {
            body: { email, password: goodPassword }
          })
          assert.strictEqual(again.status, 201, again.text)
          const worker = { script: Program.cli().script, args: ["worker"] }
          yield* Program.start({ ...engines, WORKER_PORT: "0" }, worker)
          yield* waitUntil(
            "the erasure is finished",
            Effect.map(stateOf(id), (state) => state?.["unfinished"] === 0)
          )
          assert.deepStrictEqual(yield* stateOf(id), gone)
        }).pipe(withDatabase(engines.DATABASE_URL))
      }),
    timeout
  )

  it.live(
    "whose process is killed at any moment has not begun, or is completed by the worker",
    () =>
      Effect.gen(function* () {
        const engines = { ...(yield* Engines.all), BCRYPT_COST: "10", RATE_LIMIT_REGISTER: "off" }
        const worker = { script: Program.cli().script, args: ["worker"] }
        let committed = 0
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const people: Array<{ readonly id: string; readonly access: string }> = []
          for (const delay of [60, 120, 200, 300, 450, 700]) {
            const api = yield* Program.start(engines, "api")
            const person = yield* register(sender(api.url))
            people.push(person)
            yield* historyOf(person.id, 20_000)
            const pending = yield* Effect.forkChild(Effect.exit(erase(api.url, person.access)))
            yield* Effect.sleep(delay)
            yield* api.kill
            yield* Fiber.interrupt(pending)
          }
          const unfinished = yield* sql`select 1 from erasures where finished_at is null`
          assert.isAtLeast(unfinished.length, 1, "no kill met an erasure that had begun")
          yield* Program.start({ ...engines, WORKER_PORT: "0" }, worker)
          yield* waitUntil(
            "all erasures are finished",
            Effect.map(sql`select 1 from erasures where finished_at is null`, (found) => found.length === 0)
          )
          for (const { id } of people) {
            const state = yield* stateOf(id)
            if (state?.["users"] === 1) {
              // One delivery is the mail of the registration.
              const whole = { users: 1, deliveries: 20_001, errors: 20_000, audit: 20_000, events: 20_000 }
              assert.deepInclude(state, { ...whole, erased: 0, unfinished: 0 })
            } else {
              committed++
              assert.deepStrictEqual(state, gone)
            }
          }
          assert.isAtLeast(committed, 1)
        }).pipe(withDatabase(engines.DATABASE_URL))
      }),
    timeout
  )
})
