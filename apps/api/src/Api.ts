import * as Redis from "@user-service/cache/Redis"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { SettingsInvalid } from "@user-service/runtime/Environment"
import { Effect, Layer, Option } from "effect"
import { HttpServer } from "effect/http"
import process from "node:process"
import type { ApiSettings } from "./ApiSettings.ts"
import * as Engines from "./health/Engines.ts"
import * as RedisEngines from "./RedisEngines.ts"
import * as Server from "./Server.ts"

const requiredProblem = (variable: string) =>
  `${variable}: required, as other processes share it; \`npm start\` needs none`

/**
 * One process of the API. All shared state is in PostgreSQL and Redis, so any number of processes can run. A process starts while
 * Redis and RabbitMQ are unreachable, but requires the database.
 */
export const layer = (settings: ApiSettings) => Layer.unwrap(make(settings))

const make = Effect.fnUntraced(function* (settings: ApiSettings) {
  const { database, redisUrl } = settings
  if (Option.isNone(database) || Option.isNone(redisUrl)) {
    return yield* new SettingsInvalid({
      problems: [
        ...(Option.isNone(database) ? [requiredProblem("DATABASE_URL (or DB_HOST)")] : []),
        ...(Option.isNone(redisUrl) ? [requiredProblem("REDIS_URL")] : [])
      ]
    })
  }
  return Layer.effectDiscard(announce).pipe(
    Layer.provide(Server.layer(settings)),
    Layer.provide(MigrateOnStart.layer(settings.migrateOnStart)),
    Layer.provide(Layer.effectDiscard(requirePostgres)),
    Layer.provide(Engines.layer(settings)),
    Layer.provide([
      Postgres.layer(database.value),
      RedisEngines.layer({ url: redisUrl.value, prefix: Redis.keyPrefix })
    ])
  )
})

const announce = Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
  Effect.logInfo("User Service is ready", { url: HttpServer.formatAddress(address), pid: process.pid })
)
