import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { inject } from "vitest"
import { assertFailure, assertSuccess, successData } from "../Answers.ts"
import { type Answer, freshEngines, layerOn, TestApi } from "../TestApi.ts"
import * as Relay from "@user-service/database/testing/Relay"

const [databaseUrl, redisUrl, rabbitmqUrl] = [inject("databaseUrl"), inject("redisUrl"), inject("rabbitmqUrl")]

const profile = "/api/v1/users/profile/"

const assertNoDatabase = (answer: Answer): void => {
  assertFailure(answer, 503, "service_unavailable", "The database is not available, try again in 1 s")
  assert.strictEqual(answer.headers.get("retry-after"), "1")
}

describe.skipIf([databaseUrl, redisUrl, rabbitmqUrl].includes(""))("engines out of reach", () => {
  it.live("degrade the service; without the database it is not ready, and it recovers by itself", () =>
    Effect.gen(function* () {
      const shared = yield* freshEngines(databaseUrl, redisUrl)
      const database = yield* Relay.make(shared.databaseUrl)
      const cache = yield* Relay.make(redisUrl)
      const broker = yield* Relay.make(rabbitmqUrl)
      const service = layerOn(
        { ...shared, databaseUrl: database.url, redisUrl: cache.url },
        { RABBITMQ_URL: broker.url }
      )
      const api = Context.get(yield* Layer.build(service), TestApi)
      const health = Effect.map(api.send("GET", "/health"), (answer) =>
        successData(answer, 200, "Health check completed")
      )
      const ready = api.send("GET", "/health/ready")
      const person = yield* api.person()
      const read = api.send("GET", profile, { token: person.access })
      const down = { status: "down", latency_ms: null }
      assert.strictEqual((yield* health).status, "healthy")

      yield* broker.cut
      const withoutBroker = yield* health
      assert.strictEqual(withoutBroker.status, "degraded")
      assert.deepStrictEqual(withoutBroker.checks.broker, down)

      yield* cache.cut
      const withoutCache = yield* health
      assert.strictEqual(withoutCache.status, "degraded")
      assert.deepStrictEqual(withoutCache.checks.cache, down)
      assert.strictEqual(withoutCache.checks.database.status, "up")
      assertSuccess(yield* ready, 200, "Ready for requests", { status: "ok" })
      assert.strictEqual((yield* read).status, 200)

      yield* database.cut
      const withoutDatabase = yield* health
      assert.strictEqual(withoutDatabase.status, "unhealthy")
      assert.deepStrictEqual(withoutDatabase.checks, { database: down, cache: down, broker: down })
      assertNoDatabase(yield* ready)
      assertSuccess(yield* api.send("GET", "/health/live"), 200, "The process answers", { status: "ok" })
      // What this process knows of the session is a second old at most; then not knowing is not "alive".
      yield* api.pass("1 second")
      assertNoDatabase(yield* read)
      const { email, password, refresh } = person
      assertNoDatabase(yield* api.send("POST", "/api/v1/users/login/", { body: { email, password } }))
      assertNoDatabase(yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh } }))

      yield* Effect.all([database.mend, cache.mend, broker.mend])
      yield* health.pipe(
        Effect.repeat({ until: ({ status }) => status === "healthy", schedule: Schedule.spaced("20 millis") })
      )
      assert.strictEqual((yield* ready).status, 200)
      assert.strictEqual((yield* read).status, 200)
      const secret = new URL(rabbitmqUrl).password
      if (secret !== "") assert.notInclude(JSON.stringify(yield* api.log), `${secret}@`)
    }).pipe(Effect.scoped)
  )
})
