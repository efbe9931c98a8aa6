import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { deadStatusQueue, statusQueue, userService } from "@user-service/broker/Topology"
import { Cache } from "@user-service/cache/Cache"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect, Layer, Redacted } from "effect"
import { get, valueIn } from "../Probes.ts"
import * as Program from "../Program.ts"
import { waitUntil, newUser } from "../TestWork.ts"
import { messageOf, notificationOf, publish, statusOf, reportStatuses } from "./TestStatuses.ts"

const canRun = RabbitMqServer.isInstalled && PostgresServer.skipReason === ""

const start = Effect.gen(function* () {
  const postgres = yield* PostgresServer.make()
  const redis = yield* RedisServer.make()
  const rabbitmq = yield* RabbitMqServer.make
  yield* Effect.all([postgres.start, redis.start, rabbitmq.start], { concurrency: 3 })
  const engines = Layer.mergeAll(
    Postgres.layer(settingsOf(postgres.url, 2)),
    Cache.layerMemory,
    Broker.layerRabbitMq({ topology: userService }).pipe(
      Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmq.url) }))
    )
  )
  const worker = yield* Program.start({
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    RABBITMQ_URL: rabbitmq.url
  })
  return { postgres, rabbitmq, engines, worker }
})

describe.skipIf(!canRun)(
  "statuses while engines are away (skipped where there are no servers to start)",
  { timeout: 180_000 },
  () => {
    it.live("without PostgreSQL they wait in hand, without RabbitMQ with their senders, and the metrics tell", () =>
      Effect.gen(function* () {
        const { engines, postgres, rabbitmq, worker } = yield* start
        const url = yield* worker.ready
        const metric = (name: string, ...labels: ReadonlyArray<string>) =>
          Effect.map(get(`${url}/metrics`), ({ text }) => valueIn(text, name, labels))
        const becomes = (expected: number, name: string, ...labels: ReadonlyArray<string>) =>
          waitUntil(Effect.map(metric(name, ...labels), (value) => value === expected))
        const isApplied = (id: string) =>
          waitUntil(Effect.match(statusOf(id), { onFailure: () => false, onSuccess: (status) => status === "sent" }))
        const inQueue = `queue="${statusQueue.name}"`

        yield* Effect.gen(function* () {
          const user = yield* newUser
          const [first, second, third] = [notificationOf(user), notificationOf(user), notificationOf(user)]
          yield* reportStatuses({ ...first, status: "sent" }, { ...first, status: "sent" })
          yield* publish(messageOf("not said"))
          yield* isApplied(first.notification_id)
          yield* becomes(1, "notification_statuses_total", `outcome="applied"`)
          yield* becomes(1, "notification_statuses_total", `outcome="unchanged"`)
          yield* becomes(1, "notification_statuses_total", `outcome="undecodable"`)
          yield* becomes(1, "dead_letters_total", `reason="undecodable"`)
          yield* becomes(1, "dead_letters_waiting")
          yield* becomes(1, "broker_consumed_total", `queue="${deadStatusQueue.name}"`)
          assert.isAtLeast(yield* metric("worker_consumer_batch_size_count", inQueue), 1)

          yield* postgres.kill
          yield* reportStatuses({ ...second, status: "sent" })
          yield* becomes(1, "worker_consumer_paused", inQueue)
          assert.strictEqual((yield* get(`${url}/health/ready`)).status, 503)
          yield* postgres.start
          yield* isApplied(second.notification_id)
          yield* becomes(0, "worker_consumer_paused", inQueue)

          yield* rabbitmq.kill
          yield* rabbitmq.start
          yield* waitUntil(
            Effect.match(reportStatuses({ ...third, status: "sent" }), {
              onFailure: () => false,
              onSuccess: () => true
            })
          )
          yield* isApplied(third.notification_id)
          assert.isAtLeast(yield* metric("broker_reconnections_total"), 1)
          assert.strictEqual(yield* metric("notification_statuses_total", `outcome="undecodable"`), 1)
        }).pipe(Effect.provide(engines))
        yield* worker.signal("SIGTERM")
        assert.strictEqual((yield* worker.ended).code, 0)
      })
    )
  }
)
