import type { ApiSettings } from "@user-service/api/ApiSettings"
import { Engines } from "@user-service/api/health/Engines"
import * as RedisEngines from "@user-service/api/RedisEngines"
import * as Server from "@user-service/api/Server"
import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Migrations from "@user-service/database/Migrations"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, Layer, Option, Schema } from "effect"
import * as DataDir from "./DataDir.ts"
import { welcome } from "./Welcome.ts"

/** An engine that the environment names does not answer. */
export class EngineUnreachable extends Schema.TaggedError<EngineUnreachable>()("EngineUnreachable", {
  engine: Schema.String,
  variable: Schema.String
}) {
  override get message() {
    return `${this.engine} does not answer where ${this.variable} says it is`
  }
}

const layerDatabase = (settings: ApiSettings) =>
  Option.match(settings.database, {
    onNone: () => PgLite.layer({ dataDir: `${settings.dataDir}/pglite` }),
    onSome: Postgres.layer
  })

const layerCache = (settings: ApiSettings) =>
  Option.match(settings.redisUrl, {
    onNone: () => Layer.merge(Cache.layerMemory, RateLimits.layerMemory),
    onSome: (url) => RedisEngines.layer({ url, prefix: RedisEngines.keyPrefix })
  })

// What is named must be there at the start: a person who named it wants to hear of it now.
const checkEngines = Effect.gen(function* () {
  const engines = yield* Engines
  const require = (ping: Effect.Effect<void, ServiceUnavailable>, engine: string, variable: string) =>
    Effect.mapError(ping, () => new EngineUnreachable({ engine, variable }))
  yield* require(engines.database, "PostgreSQL", "DATABASE_URL (or DB_HOST)")
  yield* require(engines.cache, "Redis", "REDIS_URL")
  yield* require(engines.broker, "RabbitMQ", "RABBITMQ_URL")
})

/** The whole service in one process, each engine the real one where it is named and the embedded one where it is not. */
export const layer = (settings: ApiSettings) =>
  Layer.effectDiscard(welcome(settings)).pipe(
    Layer.provide(Server.layer(settings)),
    Layer.provide(Layer.effectDiscard(Migrations.run)),
    Layer.provide(Layer.effectDiscard(checkEngines)),
    Layer.provide(Engines.layer(settings)),
    Layer.provide([layerDatabase(settings), layerCache(settings)]),
    Layer.provide(Layer.effectDiscard(DataDir.hold(settings.dataDir)))
  )
