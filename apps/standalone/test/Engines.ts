import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawnSync } from "node:child_process"
import { inject } from "vitest"

const [databaseUrl, redisUrl, rabbitmqUrl] = [inject("databaseUrl"), inject("redisUrl"), inject("rabbitmqUrl")]

/** Whether the real engines are at hand, with a Redis to start: the program's keys in it have no prefix of a test's own. */
export const areThere =
  databaseUrl !== "" && redisUrl !== "" && rabbitmqUrl !== "" && spawnSync("redis-server", ["--version"]).status === 0

/** An empty database on the real PostgreSQL, gone with the scope. */
export const database = Effect.map(TestDatabase.freshDatabase(databaseUrl), (url) => ({ DATABASE_URL: url }))

/** A Redis of its own, gone with the scope. */
export const redis = Effect.gen(function* () {
  const server = yield* RedisServer.make()
  yield* server.start
  return { REDIS_URL: server.url }
})

/** A virtual host of its own on the real RabbitMQ, gone with the scope. */
export const rabbitmq = Effect.map(TestRabbitMq.freshVirtualHost(rabbitmqUrl), (url) => ({ RABBITMQ_URL: url }))

/** All three, as variables of the program. */
export const all = Effect.gen(function* () {
  return { ...(yield* database), ...(yield* redis), ...(yield* rabbitmq) }
})

/** Runs a statement on the server: on the database at `url`, or else on the one that is always there. */
export const execute = (statement: string, url = databaseUrl) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(Postgres.layer(TestDatabase.settingsOf(url, 2))),
    Effect.orDie
  )
