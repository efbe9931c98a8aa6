import type { ApiSettings } from "@user-service/api/ApiSettings"
import { Engines, requireEngines } from "@user-service/api/health/Engines"
import * as RedisEngines from "@user-service/api/RedisEngines"
import * as Server from "@user-service/api/Server"
import { Cache } from "@user-service/cache/Cache"
import { Places } from "@user-service/cache/Places"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Redis from "@user-service/cache/Redis"
import * as DataDir from "@user-service/database/DataDir"
import * as Migrations from "@user-service/database/Migrations"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import { Layer, Option } from "effect"
import { welcome } from "./Welcome.ts"

const layerDatabase = (settings: ApiSettings) =>
  Option.match(settings.database, {
    onNone: () => PgLite.layer({ dataDir: `${settings.dataDir}/pglite` }),
    onSome: Postgres.layer
  })

const layerCache = (settings: ApiSettings) =>
  Option.match(settings.redisUrl, {
    onNone: () => Layer.mergeAll(Cache.layerMemory, RateLimits.layerMemory, Places.layerMemory),
    onSome: (url) => RedisEngines.layer({ url, prefix: Redis.keyPrefix })
  })

/** The whole service in one process, each engine the real one where it is named and the embedded one where it is not. */
export const layer = (settings: ApiSettings) =>
  Layer.effectDiscard(welcome(settings)).pipe(
    Layer.provide(Server.layer(settings)),
    Layer.provide(Layer.effectDiscard(Migrations.run)),
    // Who names an engine wants to hear now that it is not there.
    Layer.provide(Layer.effectDiscard(requireEngines(["database", "cache", "broker"]))),
    Layer.provide(Engines.layer(settings)),
    // One after the other: while the embedded database starts, nothing else gets a turn, and Redis would seem out of reach.
    Layer.provide(layerCache(settings)),
    Layer.provide(layerDatabase(settings)),
    Layer.provide(Layer.effectDiscard(DataDir.hold(settings.dataDir)))
  )
