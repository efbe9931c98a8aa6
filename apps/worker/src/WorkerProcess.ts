import { NodeHttpServer } from "@effect/platform-node"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { Cache } from "@user-service/cache/Cache"
import * as Redis from "@user-service/cache/Redis"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { Storage } from "@user-service/database/Storage"
import { Drain, layerShutdown } from "@user-service/runtime/Drain"
import { observe } from "@user-service/runtime/EngineHealth"
import { SettingsInvalid } from "@user-service/runtime/Environment"
import { version } from "@user-service/runtime/Version"
import { routerConfig } from "@user-service/schema/http/Paths"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import * as ProcessMetrics from "@user-service/telemetry/ProcessMetrics"
import { Duration, Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import process from "node:process"
import * as HealthHttp from "./health/HealthHttp.ts"
import * as Worker from "./Worker.ts"
import * as WorkerSettings from "./WorkerSettings.ts"

const observeEngines = Layer.effectDiscard(
  Effect.gen(function* () {
    const { probe } = yield* Storage
    const { ping: cache } = yield* Redis.RedisHealth
    const { ping: broker } = yield* RabbitMq.BrokerHealth
    yield* observe({ database: Effect.asVoid(probe), cache, broker })
  })
)

const requiredProblem = (variable: string) =>
  `${variable}: required, as other processes share it; \`npm start\` needs none`

/** The engines. None may be embedded, since other processes share them. */
const enginesOf = Effect.fnUntraced(function* ({ database, rabbitmqUrl, redisUrl }: WorkerSettings.WorkerSettings) {
  if (Option.isSome(database) && Option.isSome(redisUrl) && Option.isSome(rabbitmqUrl)) {
    return { database: database.value, redisUrl: redisUrl.value, rabbitmqUrl: rabbitmqUrl.value }
  }
  return yield* new SettingsInvalid({
    problems: [
      ...(Option.isNone(database) ? [requiredProblem("DATABASE_URL (or DB_HOST)")] : []),
      ...(Option.isNone(redisUrl) ? [requiredProblem("REDIS_URL")] : []),
      ...(Option.isNone(rabbitmqUrl) ? [requiredProblem("RABBITMQ_URL")] : [])
    ]
  })
})

// With several turns, some wait for the database while others wait for the broker. Each needs a connection.
const turnsWith = (connections: number) => (connections < 7 ? 1 : 4)

/**
 * One process of the worker. Any number may run. It needs the database to start, but not Redis or RabbitMQ. On a stop it
 * first reports that it is not ready, then completes the work in progress, and disconnects from the engines last.
 */
export const layer = (settings: WorkerSettings.WorkerSettings) => Layer.unwrap(make(settings))

const make = Effect.fnUntraced(function* (settings: WorkerSettings.WorkerSettings) {
  const { host, port, work } = settings
  const { database, rabbitmqUrl, redisUrl } = yield* enginesOf(settings)
  const Probes = HttpRouter.serve(HealthHttp.routes(settings), {
    routerConfig,
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(() => createServer(), { host, port, gracefulShutdownTimeout: Duration.seconds(1) })
    )
  )
  return Layer.effectDiscard(announce).pipe(
    Layer.provide(layerShutdown({ notice: Duration.zero })),
    Layer.provide(Worker.layer),
    Layer.provide(WorkerSettings.layer({ ...work, turns: turnsWith(database.poolSize) })),
    Layer.provide(MigrateOnStart.layer(settings.migrateOnStart)),
    Layer.provide(Probes),
    Layer.provide([observeEngines, ProcessMetrics.layer({ version })]),
    Layer.provide(Layer.effectDiscard(requirePostgres)),
    Layer.provide([Drain.layer, Storage.layer, CredentialRefusals.layer]),
    Layer.provide([
      Postgres.layer(database),
      Cache.layerRedis.pipe(Layer.provideMerge(Redis.layer({ url: redisUrl, prefix: Redis.keyPrefix }))),
      Broker.layerRabbitMq(Worker.brokerSettings).pipe(Layer.provideMerge(RabbitMq.layer({ url: rabbitmqUrl })))
    ])
  )
})

const announce = Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
  Effect.logInfo("The worker is ready", { url: HttpServer.formatAddress(address), pid: process.pid })
)
