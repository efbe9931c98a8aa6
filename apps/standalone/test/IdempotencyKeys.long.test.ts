import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { freshEmail, goodPassword } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const path = "/api/v1/users/register/"
const message = "User registered successfully"

/** Makes commits of idempotency keys wait for the gate. The server continues them although their client has gone. */
const holdCommits = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create table gate (opened boolean)`
  // The lock shows that a commit has come so far.
  yield* sql`
    create function wait_at_the_gate() returns trigger language plpgsql as $$
      begin
        perform pg_advisory_xact_lock(4711);
        while not exists (select from gate) loop perform pg_sleep(0.01); end loop;
        return null;
      end
    $$`
  yield* sql`
    create constraint trigger gate after insert on idempotency_keys deferrable initially deferred
    for each row execute function wait_at_the_gate()`
  const isWaiting = sql`
    select 1 from pg_locks where locktype = 'advisory' and objid = 4711
      and database = (select oid from pg_database where datname = current_database())`
  return {
    isReached: waitUntil(
      "A commit waits",
      Effect.map(isWaiting, (found) => found.length > 0)
    ),
    open: sql`insert into gate values (true)`
  }
})

describe.skipIf(!Engines.areAvailable)(
  "a registration whose process is killed between its commit and its answer",
  () => {
    it.live(
      "is repeated as the user that it registered, and its key is free of the process that died",
      () =>
        Effect.gen(function* () {
          const engines = yield* Engines.all
          const environment = { ...engines, BCRYPT_COST: "10", DATA_DIR: yield* Program.folder }
          const body = { email: freshEmail(), password: goodPassword, name: "Ada Lovelace" }
          const request = { body, headers: { "idempotency-key": randomUUID() } }
          const first = yield* Program.start(environment, "api")

          yield* Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const usersOf = sql<{ id: string }>`select id from users where email = ${body.email}`
            const gate = yield* holdCommits
            const lost = yield* Effect.forkChild(Effect.exit(sender(first.url)("POST", path, request)))
            yield* gate.isReached
            assert.strictEqual((yield* first.kill).signal, "SIGKILL")
            assert.strictEqual((yield* Fiber.join(lost))._tag, "Failure")
            assert.deepStrictEqual(yield* usersOf, [])
            yield* gate.open
            yield* waitUntil(
              "The user exists",
              Effect.map(usersOf, (found) => found.length === 1)
            )

            const second = yield* Program.start(environment, "api")
            const repeated = yield* expectAnswer(sender(second.url))(201, message, "POST", path, request)
            assert.deepStrictEqual(
              (yield* usersOf).map(({ id }) => id),
              [repeated.body.data.id]
            )
            yield* expectAnswer(sender(second.url))(200, undefined, "GET", "/api/v1/users/profile/", {
              token: repeated.body.data.tokens.access
            })
            const events = yield* sql`select 1 from outbox where event_type = 'UserRegistered'`
            assert.lengthOf(events, 1)
          }).pipe(Effect.provide(Postgres.layer(TestDatabase.settingsOf(engines.DATABASE_URL, 3))), Effect.scoped)
        }),
      180_000
    )

    it.live(
      "leaves nothing behind if it dies before the commit: the next attempt registers",
      () =>
        Effect.gen(function* () {
          const engines = yield* Engines.all
          // A hash that takes long enough to kill its process meanwhile.
          const environment = { ...engines, BCRYPT_COST: "14", DATA_DIR: yield* Program.folder }
          const body = { email: freshEmail(), password: goodPassword }
          const request = { body, headers: { "idempotency-key": randomUUID() } }
          const first = yield* Program.start(environment, "api")
          const send = sender(first.url)
          const lost = yield* Effect.forkChild(Effect.exit(send("POST", path, request)))
          // The registration, and the request for the metrics.
          yield* waitUntil(
            "The registration is in progress",
            Effect.map(send("GET", "/metrics"), ({ text }) => /^http_server_active_requests 2$/m.test(text))
          )
          yield* first.kill
          assert.strictEqual((yield* Fiber.join(lost))._tag, "Failure")
          const second = yield* Program.start(environment, "api")
          yield* expectAnswer(sender(second.url))(201, message, "POST", path, request)
        }),
      180_000
    )
  }
)
