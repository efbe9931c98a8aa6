import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawnSync } from "node:child_process"
import { inject } from "vitest"

const [databaseUrl, redisUrl, rabbitmqUrl] = [inject("databaseUrl"), inject("redisUrl"), inject("rabbitmqUrl")]

/**
 * Whether PostgreSQL and RabbitMQ answer and Redis is installed. The tests start their own Redis, since the program's keys
 * have no prefix of the test.
 */
export const areAvailable =
  databaseUrl !== "" && redisUrl !== "" && rabbitmqUrl !== "" && spawnSync("redis-server", ["--version"]).status === 0

/** A new database on the PostgreSQL server, dropped when the scope closes. */
export const database = Effect.map(TestDatabase.freshDatabase(databaseUrl), (url) => ({ DATABASE_URL: url }))

/** A new Redis server, stopped when the scope closes. */
export const redis = Effect.gen(function* () {
  const server = yield* RedisServer.make()
  yield* server.start
  return { REDIS_URL: server.url }
})

/** A new virtual host on the RabbitMQ server, deleted when the scope closes. */
export const rabbitmq = Effect.map(TestRabbitMq.freshVirtualHost(rabbitmqUrl), (url) => ({ RABBITMQ_URL: url }))

/** All three engines, as variables of the program. */
export const all = Effect.gen(function* () {
  return { ...(yield* database), ...(yield* redis), ...(yield* rabbitmq) }
})

/** Runs a statement on the database at `url`, by default the maintenance database of the server. */
export const execute = (statement: string, url = databaseUrl) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(Postgres.layer(TestDatabase.settingsOf(url, 2))),
    Effect.orDie
  )
