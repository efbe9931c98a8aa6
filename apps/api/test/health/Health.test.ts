import { assert, describe, it } from "@effect/vitest"
import { version } from "@user-service/runtime/Version"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { assertFailure, assertSuccess, successData, time } from "../Answers.ts"
import { goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const ok = { status: "ok" }

describe("health", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("reports the service and each engine at three paths", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const path of ["/health", "/health/", "/api/v1/users/health/"]) {
          const answer = yield* send("GET", path)
          const health = successData(answer, 200, "Health check completed")
          assert.match(health.timestamp, time)
          for (const name of ["uptime_seconds", "response_time_ms"]) {
            assert.isTrue(Number.isFinite(health[name]) && health[name] >= 0, name)
          }
          for (const check of Object.values<{ readonly latency_ms: unknown }>(health.checks)) {
            assert.isNumber(check.latency_ms)
          }
          const up = (name: string) => ({ status: "up", latency_ms: health.checks[name].latency_ms })
          assert.deepStrictEqual(health, {
            service: "user-service",
            status: "healthy",
            timestamp: health.timestamp,
            version,
            uptime_seconds: health.uptime_seconds,
            response_time_ms: health.response_time_ms,
            checks: { database: up("database"), cache: up("cache"), broker: up("broker") }
          })
          assert.strictEqual(answer.headers.get("cache-control"), "no-store")
        }
      })
    )

    it.effect("counts the seconds since the start", () =>
      Effect.gen(function* () {
        const { pass, send } = yield* TestApi
        const uptime = Effect.map(send("GET", "/health"), ({ body }) => body.data.uptime_seconds)
        const before = yield* uptime
        yield* pass("90 seconds")
        const after = yield* uptime
        assert.isTrue(Number.isInteger(after))
        assert.isAtLeast(after - before, 90)
      })
    )

    it.effect("live states that the process answers, ready that it accepts requests", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertSuccess(yield* send("GET", "/health/live"), 200, "The process answers", ok)
        assertSuccess(yield* send("GET", "/health/ready"), 200, "Ready for requests", ok)
      })
    )
  })
})

describe("a broker that nobody answers for", () => {
  it.layer(layerEmbedded({ RABBITMQ_URL: "amqp://guest:a-secret@127.0.0.1:1" }), { excludeTestServices: true })(
    (it) => {
      it.effect("degrades the service, which stays ready, and is reported without its address", () =>
        Effect.gen(function* () {
          const { send } = yield* TestApi
          const answer = yield* send("GET", "/health")
          const health = successData(answer, 200, "Health check completed")
          assert.strictEqual(health.status, "degraded")
          assert.deepStrictEqual(health.checks.broker, { status: "down", latency_ms: null })
          assert.strictEqual(health.checks.database.status, "up")
          assert.notInclude(answer.text, "a-secret")
          assert.strictEqual((yield* send("GET", "/health/ready")).status, 200)
        })
      )
    }
  )
})

describe("draining", () => {
  // Dear hashes, so that a login is under way for a while.
  const environment = { SHUTDOWN_GRACE_SECONDS: "20", SHUTDOWN_NOTICE_SECONDS: "2", BCRYPT_COST: "13" }

  it.live("makes the service unready while it answers, then completes the requests in progress and closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const api = Context.get(yield* Layer.buildWithScope(layerEmbedded(environment), scope), TestApi)
      const person = yield* api.person()
      const before = yield* api.send("GET", "/health/ready")
      assertSuccess(before, 200, "Ready for requests", ok)
      assert.notStrictEqual(before.headers.get("connection"), "close")

      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      const notReady = yield* api
        .send("GET", "/health/ready")
        .pipe(Effect.repeat({ until: ({ status }) => status !== 200 }))
      const message = "The process, which is shutting down, is not available, try again in 5 s"
      assertFailure(notReady, 503, "service_unavailable", message)
      assert.strictEqual(notReady.headers.get("retry-after"), "5")

      const live = yield* api.send("GET", "/health/live")
      assertSuccess(live, 200, "The process answers", ok)
      assert.strictEqual(live.headers.get("connection"), "close")
      const login = yield* Effect.forkChild(
        api.send("POST", "/api/v1/users/login/", { body: { email: person.email, password: goodPassword } })
      )
      const profile = yield* api.send("GET", "/api/v1/users/profile/", { token: person.access })
      assert.deepStrictEqual([profile.status, profile.headers.get("connection")], [200, "close"])

      // The balancers have had their notice.
      yield* api.pass("2 seconds")
      assert.strictEqual((yield* Fiber.join(login)).status, 200)
      yield* Fiber.join(closing)
      const refused = yield* Effect.exit(api.send("GET", "/health/live"))
      assert.isTrue(Exit.isFailure(refused))
      const lines = yield* api.log
      assert.isTrue(lines.some((line) => line["message"] === "Shutting down: no longer ready"))
    })
  )
})
