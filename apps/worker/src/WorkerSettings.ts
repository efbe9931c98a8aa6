import * as RabbitMqUrl from "@user-service/broker/RabbitMqUrl"
import * as RedisUrl from "@user-service/cache/RedisUrl"
import { PushTokenSettings } from "@user-service/core/push-tokens/PushTokenSettings"
import { StalePushTokenSettings } from "@user-service/core/retention/StalePushTokenSettings"
import { SessionSettings } from "@user-service/core/SessionSettings"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as PostgresSettings from "@user-service/database/PostgresSettings"
import { maxReach } from "@user-service/domain/Delivery"
import * as Environment from "@user-service/runtime/Environment"
import * as ListenHost from "@user-service/runtime/ListenHost"
import * as MetricsToken from "@user-service/runtime/MetricsToken"
import * as Logs from "@user-service/telemetry/Logs"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Config, Duration, Effect, Layer, Option, Schema } from "effect"
import { RetentionSettings } from "./jobs/RetentionSettings.ts"
import { RelaySettings } from "./outbox/RelaySettings.ts"
import { StoppingSettings } from "./Stopping.ts"

/** The settings of the work, the same in `worker` and in `standalone`. */
export const workConfig = Config.all({
  sessions: SessionSettings.config,
  pushTokens: PushTokenSettings.config,
  stalePushTokens: StalePushTokenSettings.config,
  retentions: RetentionSettings.config,
  // The rest of the grace period is for disconnecting from the engines.
  finishWithin: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400 })),
    "SHUTDOWN_GRACE_SECONDS"
  ).pipe(
    Config.withDefault(20),
    Config.map((seconds) => Duration.seconds(seconds * 0.75))
  )
})
export type WorkSettings = Config.Success<typeof workConfig>

/** The settings of the work, as services. */
export const layer = (settings: WorkSettings & RelaySettings["Service"]) =>
  Layer.mergeAll(
    Layer.succeed(PushTokenSettings, settings.pushTokens),
    Layer.succeed(RelaySettings, { turns: settings.turns }),
    Layer.succeed(RetentionSettings, settings.retentions),
    Layer.succeed(SessionSettings, settings.sessions),
    Layer.succeed(StalePushTokenSettings, settings.stalePushTokens),
    Layer.succeed(StoppingSettings, { finishWithin: settings.finishWithin })
  )

const parts = {
  host: ListenHost.config,
  // 0 means any free port.
  port: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })), "WORKER_PORT").pipe(
    Config.withDefault(8001)
  ),
  metricsToken: MetricsToken.config,
  database: PostgresSettings.config,
  migrateOnStart: MigrateOnStart.config,
  redisUrl: RedisUrl.config,
  rabbitmqUrl: RabbitMqUrl.config,
  logs: Logs.config,
  tracing: Tracing.config,
  work: workConfig
}

/** The validated settings of the worker. */
export type WorkerSettings = Config.Success<ReturnType<typeof Config.all<typeof parts>>>

/**
 * The problems of the settings of the work. It needs `minConnections`: one to listen for events, one for the lock of the jobs
 * and the rest for statements. `program` is its name in the message.
 */
export const judge = (minConnections: number, program: string) =>
  Effect.map(
    Config.all({ database: PostgresSettings.config, work: workConfig }),
    ({ database, work: { retentions, stalePushTokens } }) => [
      ...problem(
        Option.exists(database, ({ poolSize }) => poolSize < minConnections),
        "DB_POOL_SIZE",
        `must be ${minConnections} or more for ${program}`
      ),
      ...problem(
        !Duration.isGreaterThan(stalePushTokens.removedAfter, stalePushTokens.silencedAfter),
        "PUSH_TOKEN_REMOVED_AFTER",
        "must be longer than PUSH_TOKEN_STALE_AFTER"
      ),
      ...problem(
        !Duration.isGreaterThan(retentions.deliveries, maxReach),
        "DELIVERY_RETENTION",
        `must be longer than ${Duration.toDays(maxReach)}d, for which days ahead are charged`
      )
    ]
  )

const problem = (isInvalid: boolean, variable: string, requirement: string): ReadonlyArray<Environment.Problem> =>
  isInvalid ? [[variable, `${variable}: ${requirement}`]] : []

// The only secret by which the worker authenticates others.
const productionProblems = Effect.map(
  Config.all({ environment: Config.option(Config.String("NODE_ENV")), metricsToken: MetricsToken.config }),
  ({ environment, metricsToken }) =>
    Option.contains(environment, "production")
      ? MetricsToken.weaknesses(metricsToken).flatMap((what) => problem(true, "METRICS_TOKEN", what))
      : []
)

/** Reads the whole environment, so that one start reports all its problems. */
export const read: Effect.Effect<WorkerSettings, Environment.SettingsInvalid> = Environment.read(
  parts,
  // One connection listens for events, one holds the lock of the jobs, and the third executes statements.
  Effect.map(Effect.all([judge(3, "the worker"), productionProblems]), (problems) => problems.flat())
)
