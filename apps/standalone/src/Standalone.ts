import * as Engines from "@user-service/api/health/Engines"
import * as RedisEngines from "@user-service/api/RedisEngines"
import * as Server from "@user-service/api/Server"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { Cache } from "@user-service/cache/Cache"
import { Quotas } from "@user-service/cache/Quotas"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Redis from "@user-service/cache/Redis"
import * as DataDir from "@user-service/database/DataDir"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { requireEngines } from "@user-service/runtime/EngineHealth"
import * as Worker from "@user-service/worker/Worker"
import * as WorkerSettings from "@user-service/worker/WorkerSettings"
import { Duration, Effect, Layer, Option, Scope } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as MailFolder from "./MailFolder.ts"
import type { StandaloneSettings } from "./StandaloneSettings.ts"
import { welcome } from "./Welcome.ts"

// Both engines provide a client that can listen for notifications.
const layerDatabase = (settings: StandaloneSettings): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Option.match(settings.database, {
    onNone: () => PgLite.layer({ dataDir: `${settings.dataDir}/pglite` }),
    onSome: Postgres.layer
  })

const layerCache = (settings: StandaloneSettings) =>
  Option.match(settings.redisUrl, {
    onNone: () => Layer.mergeAll(Cache.layerMemory, RateLimits.layerMemory, Quotas.layerMemory),
    onSome: (url) => RedisEngines.layer({ url, prefix: Redis.keyPrefix })
  })

const layerBroker = (settings: StandaloneSettings) =>
  Option.match(settings.rabbitmqUrl, {
    // Only outside production, which refuses to start without RABBITMQ_URL.
    onNone: () => MailFolder.layer(`${settings.dataDir}/mail`, Broker.layerMemory(Worker.brokerSettings)),
    onSome: (url) => Broker.layerRabbitMq(Worker.brokerSettings).pipe(Layer.provideMerge(RabbitMq.layer({ url })))
  })

const EnginesLive = Layer.unwrap(
  Effect.map(Effect.serviceOption(RabbitMq.BrokerHealth), (rabbitmq) =>
    Engines.layerWith(Option.match(rabbitmq, { onNone: () => Effect.void, onSome: ({ ping }) => ping }))
  )
)

/** The parts of the grace period: three quarters for requests, then a quarter for the work of the worker. */
const splitGrace = ({ shutdownGrace }: StandaloneSettings) => ({
  shutdownGrace: Duration.times(shutdownGrace, 0.75),
  finishWithin: Duration.times(shutdownGrace, 0.25)
})

// Builds `later` after `first`, and closes it after `first` too.
const buildInOrder = <E1, R1, E2, R2>(first: Layer.Layer<never, E1, R1>, later: Layer.Layer<never, E2, R2>) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const laterScope = yield* Scope.fork(scope)
      yield* Layer.buildWithScope(first, yield* Scope.fork(scope))
      yield* Layer.buildWithScope(later, laterScope)
    })
  )

/**
 * The API and the worker in one process. An engine without a URL is embedded. On a start it first serves requests, because
 * the worker's statements would delay it. On a stop it completes its requests, then the work of the worker, and disconnects
 * from the engines last.
 */
export const layer = (settings: StandaloneSettings) => {
  const { finishWithin, shutdownGrace } = splitGrace(settings)
  const api = Layer.effectDiscard(welcome(settings)).pipe(Layer.provide(Server.layer({ ...settings, shutdownGrace })))
  // One turn, since each holds a connection that requests need too.
  const work = Worker.layer.pipe(Layer.provide(WorkerSettings.layer({ ...settings.work, finishWithin, turns: 1 })))
  return buildInOrder(api, work).pipe(
    Layer.provide(MigrateOnStart.layer(settings.migrateOnStart)),
    // The start fails if a configured engine does not answer.
    Layer.provide(Layer.effectDiscard(Effect.andThen(requirePostgres, requireEngines(["cache", "broker"])))),
    Layer.provide(EnginesLive),
    // After the database: the embedded one blocks the event loop while it starts, and connecting to the others would time out.
    Layer.provide([layerCache(settings), layerBroker(settings)]),
    Layer.provide(layerDatabase(settings)),
    Layer.provide(Layer.effectDiscard(DataDir.lock(settings.dataDir)))
  )
}
