import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import * as Relay from "@user-service/database/testing/Relay"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Duration, Effect } from "effect"
import { inject } from "vitest"
import { assertFailure } from "../Answers.ts"
import { assertStatuses, load, login, make, type Process, profile, withMillis } from "./Pair.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

/** The longest a request may take, in all it does: see Edge. */
const deadlineMillis = 20_000

// The same refresh token goes out again and again, as of a client that never got its answer.
const patient = { REFRESH_GRACE_SECONDS: "300" }

/** One request of each kind that needs the database: a read that no cache knows, a write, a login, a refresh. */
const asked = (
  process: Process,
  { access, email, password, refresh }: Effect.Success<ReturnType<Process["person"]>>
) => [
  process.send("GET", "/api/v1/users/sessions/", { token: access }),
  process.send("PATCH", profile, { token: access, body: { profile: { bio: "changed" } } }),
  process.send("POST", login, { body: { email, password } }),
  process.send("POST", "/api/v1/users/token/refresh/", { body: { refresh } })
]

const isReady = (processes: ReadonlyArray<Process>) =>
  Effect.map(
    Effect.forEach(processes, (process) => process.send("GET", "/health/ready")),
    (answers) => answers.every(({ status }) => status === 200)
  )

describe.skipIf(redisUrl === "" || PostgresServer.skipReason !== "")(
  `two processes whose PostgreSQL is killed ${PostgresServer.skipReason}`,
  () => {
    it.live(
      "answer 503 within a second, and are ready again within five seconds of its return",
      () =>
        Effect.gen(function* () {
          const server = yield* PostgresServer.make()
          yield* server.start
          const pair = yield* make(server.url, redisUrl, patient)
          const both = [yield* pair.process(), yield* pair.process()]
          const people = yield* Effect.forEach(both, (process) => process.person())
          const requests = both.flatMap((process, index) => asked(process, people[index] ?? assert.fail()))
          assertStatuses(yield* Effect.all(requests), [200])

          const stop = yield* load(requests)
          yield* waitUntil(isReady(both))
          yield* server.kill
          yield* Effect.sleep("1 second")
          // What this process knows of a session is a second old at most by now.
          for (const request of requests) {
            const answer = yield* withMillis(request)
            assertFailure(answer, 503, "service_unavailable", "The database is not available, try again in 1 s")
            assert.isBelow(answer.millis, 1000)
          }
          for (const process of both) {
            assert.strictEqual((yield* process.send("GET", "/health/ready")).status, 503)
            assert.strictEqual((yield* process.send("GET", "/health/live")).status, 200)
          }
          yield* server.start
          const [elapsed] = yield* Effect.timed(waitUntil(isReady(both)))
          assert.isBelow(Duration.toSeconds(elapsed), 5)
          const answers = yield* stop
          assertStatuses(answers, [200, 503])
          assert.isTrue(answers.some(({ status }) => status === 503))
          assertStatuses(yield* Effect.all(requests), [200])
        }),
      60_000
    )
  }
)

describe.skipIf(databaseUrl === "" || redisUrl === "")("two processes on a bad link to PostgreSQL", () => {
  it.live(
    "answer every request before its deadline over a slow, silent or broken link, and recover",
    () =>
      Effect.gen(function* () {
        const relay = yield* Relay.make(yield* TestDatabase.freshDatabase(databaseUrl))
        const pair = yield* make(databaseUrl, redisUrl, patient)
        const both = [yield* pair.process({ databaseUrl: relay.url }), yield* pair.process({ databaseUrl: relay.url })]
        const people = yield* Effect.forEach(both, (process) => process.person())
        const requests = both.flatMap((process, index) => asked(process, people[index] ?? assert.fail()))
        const all = Effect.forEach(requests, withMillis, { concurrency: "unbounded" })
        const inTime = Effect.map(all, (answers) => {
          assertStatuses(answers, [200, 503])
          for (const { millis } of answers) assert.isBelow(millis, deadlineMillis)
          return answers
        })

        yield* relay.delay(50)
        assertStatuses(yield* inTime, [200])
        // No statement gets its answer within its deadline.
        yield* relay.delay(4000)
        assertStatuses(yield* inTime, [503])
        yield* relay.delay(0)
        yield* waitUntil(isReady(both))

        yield* relay.silence
        yield* inTime
        // Replaced by themselves, within seconds (see Postgres).
        yield* Effect.repeat(inTime, { until: (answers) => answers.every(({ status }) => status === 200), times: 5 })
        assertStatuses(yield* inTime, [200])

        yield* relay.cut
        for (const { millis, status } of yield* inTime) {
          assert.strictEqual(status, 503)
          assert.isBelow(millis, 1000)
        }
        yield* relay.mend
        yield* waitUntil(isReady(both))
        assertStatuses(yield* inTime, [200])
      }),
    90_000
  )
})
