import { assert, describe, it } from "@effect/vitest"
import { read } from "@user-service/worker/WorkerSettings"
import { ConfigProvider, Duration, Effect, Option, Redacted } from "effect"

const engines = {
  DATABASE_URL: "postgres://database.internal/users",
  REDIS_URL: "redis://cache.internal",
  RABBITMQ_URL: "amqp://ada:d4-secret@broker.internal"
}

const settingsOf = (env: Record<string, string>) =>
  Effect.provideService(read, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const problemsOf = (env: Record<string, string>) => Effect.map(Effect.flip(settingsOf(env)), ({ problems }) => problems)

describe("the worker's settings", () => {
  it.effect("the addresses of the engines are enough", () =>
    Effect.gen(function* () {
      const { port, rabbitmqUrl, work } = yield* settingsOf(engines)
      assert.strictEqual(port, 8001)
      assert.strictEqual(Redacted.value(Option.getOrThrow(rabbitmqUrl)), engines.RABBITMQ_URL)
      assert.deepStrictEqual(
        [work.retentions.outbox, work.retentions.deliveries, work.retentions.deadLetters],
        [Duration.days(7), Duration.days(90), Duration.days(90)].map((days) => Duration.millis(Duration.toMillis(days)))
      )
      assert.deepStrictEqual(
        [work.stalePushTokens.silencedAfter, work.stalePushTokens.removedAfter],
        [Duration.days(30), Duration.days(270)].map((days) => Duration.millis(Duration.toMillis(days)))
      )
      assert.deepStrictEqual(work.finishWithin, Duration.seconds(15))
    })
  )

  it.effect("each can be set", () =>
    Effect.gen(function* () {
      const { port, work } = yield* settingsOf({
        ...engines,
        WORKER_PORT: "0",
        OUTBOX_RETENTION: "1h",
        DELIVERY_RETENTION: "31d",
        DEAD_LETTER_RETENTION: "2h",
        PUSH_TOKEN_STALE_AFTER: "10d",
        PUSH_TOKEN_REMOVED_AFTER: "20d",
        SHUTDOWN_GRACE_SECONDS: "4"
      })
      assert.strictEqual(port, 0)
      assert.deepStrictEqual(
        [
          work.retentions.outbox,
          work.retentions.deliveries,
          work.retentions.deadLetters,
          work.stalePushTokens.silencedAfter,
          work.stalePushTokens.removedAfter,
          work.finishWithin
        ].map(Duration.toHours),
        [1, 744, 2, 240, 480, 3 / 3600]
      )
    })
  )

  it.effect("what is wrong is told at once, and no secret with it", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf({
        ...engines,
        RABBITMQ_URL: "http://ada:d4-secret@broker.internal",
        WORKER_PORT: "many",
        OUTBOX_RETENTION: "soon",
        LOG_FORMAT: "poem"
      })
      assert.deepStrictEqual(problems.map((problem) => problem.split(":")[0]).toSorted(), [
        "LOG_FORMAT",
        "OUTBOX_RETENTION",
        "RABBITMQ_URL",
        "WORKER_PORT"
      ])
      assert.notInclude(problems.join("\n"), "d4-secret")
    })
  )

  it.effect(
    "a metrics token that no header carries is refused, in production a weak one too, and HOST without an address",
    () =>
      Effect.gen(function* () {
        const METRICS_TOKEN = "short"
        assert.deepStrictEqual(yield* problemsOf({ ...engines, NODE_ENV: "production", METRICS_TOKEN }), [
          "METRICS_TOKEN: must have at least 32 bytes"
        ])
        yield* settingsOf({ ...engines, METRICS_TOKEN })
        const wrong = yield* problemsOf({ ...engines, HOST: "a b", METRICS_TOKEN: "a\nb" })
        assert.deepStrictEqual(wrong.map((problem) => problem.split(":")[0]).toSorted(), ["HOST", "METRICS_TOKEN"])
      })
  )

  it.effect("it wants a connection to listen, one to lead the jobs, and one for all else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ ...engines, DB_POOL_SIZE: "2" }), [
        "DB_POOL_SIZE: must be 3 or more for the worker"
      ])
      const { database } = yield* settingsOf({ ...engines, DB_POOL_SIZE: "3" })
      assert.strictEqual(Option.getOrThrow(database).poolSize, 3)
    })
  )

  it.effect("deliveries are kept for as long as days ahead are charged", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ ...engines, DELIVERY_RETENTION: "30d" }), [
        "DELIVERY_RETENTION: must be longer than 30d, for which days ahead are charged"
      ])
    })
  )

  it.effect("tokens are not deleted before they are silenced", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf({
        ...engines,
        PUSH_TOKEN_STALE_AFTER: "30d",
        PUSH_TOKEN_REMOVED_AFTER: "30d"
      })
      assert.deepStrictEqual(problems, ["PUSH_TOKEN_REMOVED_AFTER: must be longer than PUSH_TOKEN_STALE_AFTER"])
    })
  )
})
