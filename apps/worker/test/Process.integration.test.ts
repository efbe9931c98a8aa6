import { NotMigrated } from "@user-service/database/MigrateOnStart"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:net"
import * as Engines from "./Engines.ts"
import { listen } from "./outbox/ReceivedEvents.ts"
import { get, valueIn } from "./Probes.ts"
import * as Program from "./Program.ts"
import { waitUntil, newUser, rename } from "./TestWork.ts"

const takenPort = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer().listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => {
    const address = server.address()
    if (address === null || typeof address === "string") throw new TypeError("No port")
    return String(address.port)
  }
)

describe.skipIf(!Engines.areAvailable)(
  `the worker's process (skipped where ${Engines.skipReason})`,
  { timeout: 120_000 },
  () => {
    it.live("works, tells how it does, and stops when told to", () =>
      Effect.gen(function* () {
        const { database, environment, rabbitmq } = yield* Engines.start
        const worker = yield* Program.start(environment)
        const url = yield* worker.ready
        yield* Effect.gen(function* () {
          assert.strictEqual((yield* get(`${url}/health/live`)).status, 200)
          assert.strictEqual((yield* get(`${url}/health/ready`)).status, 200)
          const received = yield* listen()
          const user = yield* newUser
          // An event may be delivered twice if its mark was late.
          const events = () => new Set(received.map(({ id }) => id)).size
          for (const name of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]) {
            yield* rename(user, name)
            yield* waitUntil(Effect.sync(() => events() === Number(name)))
          }

          yield* waitUntil(
            Effect.map(get(`${url}/metrics`), ({ text }) => valueIn(text, "outbox_published_total") >= 10)
          )
          // A busy machine may miss the deadline of one ping, but not of all following ones.
          for (const engine of ["database", "cache", "broker"]) {
            yield* waitUntil(
              Effect.map(
                get(`${url}/metrics`),
                ({ text }) => valueIn(text, "user_service_engine_up", [`engine="${engine}"`]) === 1
              )
            )
          }
          const { text } = yield* get(`${url}/metrics`)
          for (const name of [
            "outbox_waiting_events",
            "outbox_lag_seconds",
            "outbox_set_aside_events",
            "mails_waiting",
            "mails_oldest_seconds",
            "password_resets_waiting",
            "password_resets_oldest_seconds"
          ]) {
            assert.strictEqual(valueIn(text, name), 0, name)
          }
          for (const job of [
            "audit_partitions",
            "silenced_push_tokens",
            "stale_push_tokens",
            "expired_sessions",
            "login_addresses",
            "known_networks",
            "failed_logins",
            "excess_failed_logins",
            "outbox_retention",
            "finished_mails",
            "delivery_retention",
            "delivery_decisions",
            "dead_letter_retention",
            "activity"
          ]) {
            assert.strictEqual(valueIn(text, "worker_job_runs_total", [`name="${job}"`, `outcome="done"`]), 1, job)
          }
          assert.strictEqual(valueIn(text, "worker_jobs_leading"), 1)
          // Counters whose first increase raises an alert are known to Prometheus before it.
          assert.strictEqual(valueIn(text, "worker_job_runs_total", [`name="erasures"`, `outcome="failed"`]), 0)
          assert.strictEqual(valueIn(text, "mails_dropped_total", [`type="password_reset"`]), 0)
          assert.strictEqual(valueIn(text, "dead_letters_total", [`reason="undecodable"`]), 0)
          assert.strictEqual(valueIn(text, "broker_reconnections_total"), 0)
        }).pipe(Effect.provide(Engines.layerOf(database, rabbitmq.url)))

        yield* rabbitmq.kill
        yield* rabbitmq.start
        yield* waitUntil(
          Effect.map(get(`${url}/metrics`), ({ text }) => valueIn(text, "broker_reconnections_total") >= 1)
        )
        yield* worker.signal("SIGTERM")
        const { code, stderr, stdout } = yield* worker.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.include(stdout, "Shutting down")
      })
    )

    it.live("what keeps it from starting is one message, and exit code 1", () =>
      Effect.gen(function* () {
        // The worker also starts without these two.
        const away = { REDIS_URL: "redis://127.0.0.1:1", RABBITMQ_URL: "amqp://127.0.0.1:1" }
        const environment = { DATABASE_URL: yield* Engines.freshDatabase, ...away }
        const failure = (variables: Record<string, string>) =>
          Effect.flatMap(Program.start({ ...environment, ...variables }), ({ ended }) => ended)
        const unusable = "PostgreSQL cannot be used as DATABASE_URL says: "
        const taken = yield* takenPort
        assert.deepInclude(yield* failure({ DATABASE_URL: "postgres://127.0.0.1:1/users" }), {
          code: 1,
          stderr: `${unusable}nothing listens there (connect ECONNREFUSED 127.0.0.1:1)\n`
        })
        assert.deepInclude(yield* failure({ WORKER_PORT: taken }), {
          code: 1,
          stderr: `Port ${taken} is in use: set WORKER_PORT to another\n`
        })
        const unknown = new URL(environment.DATABASE_URL)
        unknown.pathname = "/no_such_database"
        const absent = yield* failure({ DATABASE_URL: unknown.href })
        assert.strictEqual(absent.code, 1)
        assert.match(absent.stderr, /: database "no_such_database" does not exist; create it: createdb .*\n$/)
        const empty = yield* Engines.freshDatabase
        assert.deepInclude(yield* failure({ DATABASE_URL: empty, MIGRATE_ON_START: "off" }), {
          code: 1,
          stderr: `${new NotMigrated().message}\n`
        })
        const wrong = yield* failure({ OUTBOX_RETENTION: "soon", WORKER_PORT: "-1" })
        assert.strictEqual(wrong.code, 1)
        assert.match(wrong.stderr, /^The configuration is not valid:\n  - WORKER_PORT: .*\n  - OUTBOX_RETENTION: .*\n$/)
        const unset = yield* failure({ REDIS_URL: "", RABBITMQ_URL: "" })
        assert.strictEqual(unset.code, 1)
        assert.match(
          unset.stderr,
          /^The configuration is not valid:\n  - REDIS_URL: required.*\n  - RABBITMQ_URL: required.*\n$/
        )
      })
    )
  }
)
