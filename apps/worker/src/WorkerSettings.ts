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

/** What the work itself is told, whichever process does it. */
export const workConfig = Config.all({
  sessions: SessionSettings.config,
  pushTokens: PushTokenSettings.config,
  stalePushTokens: StalePushTokenSettings.config,
  retentions: RetentionSettings.config,
  // The rest of the grace is for letting go of the engines.
  finishWithin: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400 })),
    "SHUTDOWN_GRACE_SECONDS"
  ).pipe(
    Config.withDefault(20),
    Config.map((seconds) => Duration.seconds(seconds * 0.75))
  )
})
export type WorkSettings = Config.Success<typeof workConfig>

/** The settings of the work, each as the service that its readers ask for. */
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
  // 0 is any free one.
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

/** Everything the environment says, checked. */
export type WorkerSettings = Config.Success<ReturnType<typeof Config.all<typeof parts>>>

/** What is wrong with the settings of work that has so many connections at least: one to listen, one to lead the jobs ... */
export const judge = (fewestConnections: number, what: string) =>
  Effect.map(
    Config.all({ database: PostgresSettings.config, work: workConfig }),
    ({ database, work: { retentions, stalePushTokens } }) => [
      ...problem(
        Option.exists(database, ({ poolSize }) => poolSize < fewestConnections),
        "DB_POOL_SIZE",
        `must be ${fewestConnections} or more for ${what}`
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

const problem = (isOne: boolean, variable: string, what: string): ReadonlyArray<Environment.Problem> =>
  isOne ? [[variable, `${variable}: ${what}`]] : []

// The one secret that the worker asks for, not only has.
const productionProblems = Effect.map(
  Config.all({ environment: Config.option(Config.String("NODE_ENV")), metricsToken: MetricsToken.config }),
  ({ environment, metricsToken }) =>
    Option.contains(environment, "production")
      ? MetricsToken.weaknesses(metricsToken).flatMap((what) => problem(true, "METRICS_TOKEN", what))
      : []
)

/** Reads the environment whole, so that one start tells everything that is wrong with it. */
export const read: Effect.Effect<WorkerSettings, Environment.SettingsInvalid> = Environment.read(
  parts,
  // The third is for all else.
  Effect.map(Effect.all([judge(3, "the worker"), productionProblems]), (problems) => problems.flat())
)
