import { NodeHttpServer } from "@effect/platform-node"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { userService } from "@user-service/broker/Topology"
import { Cache } from "@user-service/cache/Cache"
import * as Redis from "@user-service/cache/Redis"
import { OldLoginAddresses } from "@user-service/core/retention/OldLoginAddresses"
import { AuditPartitions } from "@user-service/core/audit/AuditPartitions"
import { Changes } from "@user-service/core/changes/Changes"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { OutboxSignal } from "@user-service/core/changes/OutboxSignal"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { DeadLettersRepo } from "@user-service/core/dead-letters/DeadLettersRepo"
import { DeliveriesRepo } from "@user-service/core/deliveries/DeliveriesRepo"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { DeliveryStatusesRepo } from "@user-service/core/deliveries/DeliveryStatusesRepo"
import { OldDeliveries } from "@user-service/core/retention/OldDeliveries"
import { Outbox } from "@user-service/core/outbox/Outbox"
import { OutboxRepo } from "@user-service/core/outbox/OutboxRepo"
import { InactivePushTokens } from "@user-service/core/push-tokens/InactivePushTokens"
import { StalePushTokens } from "@user-service/core/retention/StalePushTokens"
import { StalePushTokensRepo } from "@user-service/core/retention/StalePushTokensRepo"
import { ExpiredSessions } from "@user-service/core/retention/ExpiredSessions"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { SessionSettings } from "@user-service/core/SessionSettings"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { Storage } from "@user-service/database/Storage"
import { SettingsInvalid } from "@user-service/runtime/Environment"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { routerConfig } from "@user-service/schema/http/Paths"
import { Drain, layerShutdown } from "@user-service/runtime/Drain"
import { observe } from "@user-service/runtime/EngineHealth"
import * as ProcessMetrics from "@user-service/telemetry/ProcessMetrics"
import { Duration, Effect, Layer, Option } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import process from "node:process"
import * as Collector from "./dead-letters/Collector.ts"
import * as DeadLetterMetrics from "./dead-letters/DeadLetterMetrics.ts"
import * as StatusConsumer from "./deliveries/StatusConsumer.ts"
import * as HealthHttp from "./health/HealthHttp.ts"
import * as Jobs from "./jobs/Jobs.ts"
import * as OutboxMetrics from "./outbox/OutboxMetrics.ts"
import { publisherSettings } from "./outbox/Publications.ts"
import * as Relay from "./outbox/Relay.ts"
import { version } from "@user-service/runtime/Version"
import type { WorkerSettings, WorkSettings } from "./WorkerSettings.ts"

/** What a broker that the work is to be done on has to be told, whichever engine it is. */
export const brokerSettings = { topology: userService, ...publisherSettings }

/** The features that the work needs, over the engines. */
export const features = ({ maxPushTokens, sessions, stalePushTokens }: WorkSettings) => {
  const Foundations = Layer.mergeAll(
    Storage.layer,
    Layer.succeed(SessionSettings, sessions),
    SecureRandom.layerWebCrypto,
    Digest.layerWebCrypto
  )
  const Repos = Layer.mergeAll(
    ChangesRepo.layer,
    DeadLettersRepo.layer,
    DeliveriesRepo.layer,
    DeliveryStatusesRepo.layer,
    OutboxRepo.layer,
    StalePushTokensRepo.layer,
    InactivePushTokens.layer({ max: maxPushTokens })
  )
  const ChangesLive = Changes.layer.pipe(
    Layer.provideMerge(Invalidations.layer),
    Layer.provide([LiveSessions.layer, OutboxSignal.layer])
  )
  return Layer.mergeAll(
    Outbox.layer,
    DeliveryStatuses.layer,
    DeadLetters.layer,
    OldDeliveries.layer,
    OldLoginAddresses.layer,
    StalePushTokens.layer(stalePushTokens),
    ExpiredSessions.layer,
    AuditPartitions.layer
  ).pipe(Layer.provide(ChangesLive), Layer.provide(Repos), Layer.provide(Foundations))
}

/** All the work, over engines that come from whoever does it. `turns`: see {@link Relay.RelaySettings}. */
export const layer = (settings: WorkSettings & Relay.RelaySettings) =>
  Layer.mergeAll(
    Relay.layer(settings),
    StatusConsumer.layer(settings),
    Collector.layer(settings),
    Jobs.layer(settings),
    OutboxMetrics.layer,
    DeadLetterMetrics.layer
  ).pipe(Layer.provide(features(settings)), Layer.provide(Storage.layer))

const observeEngines = Layer.effectDiscard(
  Effect.gen(function* () {
    const { probe } = yield* Storage
    const { ping: cache } = yield* Redis.RedisHealth
    const { ping: broker } = yield* RabbitMq.BrokerHealth
    yield* observe({ database: Effect.asVoid(probe), cache, broker })
  })
)

const required = (variable: string) => `${variable}: required, as other processes share it; \`npm start\` needs none`

/** The engines that the work is done on: all of them real, since others share them. */
const enginesOf = Effect.fnUntraced(function* ({ database, rabbitmqUrl, redisUrl }: WorkerSettings) {
  if (Option.isSome(database) && Option.isSome(redisUrl) && Option.isSome(rabbitmqUrl)) {
    return { database: database.value, redisUrl: redisUrl.value, rabbitmqUrl: rabbitmqUrl.value }
  }
  return yield* new SettingsInvalid({
    problems: [
      ...(Option.isNone(database) ? [required("DATABASE_URL (or DB_HOST)")] : []),
      ...(Option.isNone(redisUrl) ? [required("REDIS_URL")] : []),
      ...(Option.isNone(rabbitmqUrl) ? [required("RABBITMQ_URL")] : [])
    ]
  })
})

// Some wait for the database while others wait for the broker, where there are connections for all of them.
const turnsWith = (connections: number) => (connections < 7 ? 1 : 4)

/**
 * One process of the worker, on real engines; any number may run. It starts without Redis and RabbitMQ, but not without the
 * database. Told to stop, it is first not ready, then finishes what is in hand, and only then lets go of the engines.
 */
export const layerProcess = (settings: WorkerSettings) => Layer.unwrap(make(settings))

const make = Effect.fnUntraced(function* (settings: WorkerSettings) {
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
    Layer.provide(layer({ ...work, turns: turnsWith(database.poolSize) })),
    Layer.provide(MigrateOnStart.layer(settings.migrateOnStart)),
    Layer.provide(Probes),
    Layer.provide([observeEngines, ProcessMetrics.layer({ version })]),
    Layer.provide(Layer.effectDiscard(requirePostgres)),
    Layer.provide([Drain.layer, Storage.layer, CredentialRefusals.layer]),
    Layer.provide([
      Postgres.layer(database),
      Cache.layerRedis.pipe(Layer.provideMerge(Redis.layer({ url: redisUrl, prefix: Redis.keyPrefix }))),
      Broker.layerRabbitMq(brokerSettings).pipe(Layer.provideMerge(RabbitMq.layer({ url: rabbitmqUrl })))
    ])
  )
})

const announce = Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
  Effect.logInfo("The worker is ready", { url: HttpServer.formatAddress(address), pid: process.pid })
)
