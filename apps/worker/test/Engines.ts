import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { Cache } from "@user-service/cache/Cache"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Layer, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { inject } from "vitest"
import { layerChanges } from "./TestWork.ts"
import { topology } from "./outbox/ReceivedEvents.ts"

const databaseUrl = inject("databaseUrl")

/** Whether PostgreSQL answers, and the programs of Redis and RabbitMQ are installed. */
export const areAvailable =
  databaseUrl !== "" && RabbitMqServer.isInstalled && spawnSync("redis-server", ["--version"]).status === 0

/** Why the tests that need the engines are skipped. */
export const skipReason = "PostgreSQL does not answer, or redis-server or rabbitmq-server is not installed"

export const freshDatabase = TestDatabase.freshDatabase(databaseUrl)

/** Starts engines for one test, and returns the environment of a worker on them. */
export const start = Effect.gen(function* () {
  const database = yield* freshDatabase
  const redis = yield* RedisServer.make()
  const rabbitmq = yield* RabbitMqServer.make
  yield* Effect.all([redis.start, rabbitmq.start], { concurrency: 2 })
  const environment = { DATABASE_URL: database, REDIS_URL: redis.url, RABBITMQ_URL: rabbitmq.url }
  return { database, rabbitmq, environment }
})

/** The services by which the test makes changes and receives events. */
export const layerOf = (database: string, rabbitmqUrl: string) =>
  Layer.fresh(
    Layer.mergeAll(
      layerChanges,
      Layer.effectDiscard(Migrations.run),
      Broker.layerRabbitMq({ topology }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmqUrl) })))
    ).pipe(Layer.provideMerge([Postgres.layer(TestDatabase.settingsOf(database, 6)), Cache.layerMemory]))
  )
