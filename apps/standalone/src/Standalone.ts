import { Engines } from "@user-service/api/health/Engines"
import type { ApiSettings } from "@user-service/api/ApiSettings"
import * as Server from "@user-service/api/Server"
import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Migrations from "@user-service/database/Migrations"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import { Storage } from "@user-service/database/Storage"
import { NodeFileSystem } from "@effect/platform-node"
import * as Logs from "@user-service/telemetry/Logs"
import { Effect, Layer, Option } from "effect"

const Database = (settings: ApiSettings) =>
  Option.match(settings.database, {
    onNone: () => PgLite.layer({ dataDir: `${settings.dataDir}/pglite` }),
    onSome: Postgres.layer
  })

export const layer = (settings: ApiSettings) =>
  Server.layer(settings).pipe(
    Layer.provide(
      Layer.effect(
        Engines,
        Effect.map(Storage, (storage) => ({
          database: Effect.asVoid(storage.ping),
          cache: Effect.void,
          broker: Effect.void
        }))
      ).pipe(Layer.provide(Storage.layer))
    ),
    Layer.provide(Layer.effectDiscard(Migrations.run)),
    Layer.provide([Database(settings), Cache.layerMemory, RateLimits.layerMemory, NodeFileSystem.layer]),
    Layer.provide(Logs.layer(settings.logs))
  )
