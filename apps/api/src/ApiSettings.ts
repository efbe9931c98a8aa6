import * as RabbitMqUrl from "@user-service/broker/RabbitMqUrl"
import * as RedisUrl from "@user-service/cache/RedisUrl"
import { PasswordPolicySettings } from "@user-service/core/accounts/PasswordPolicySettings"
import { CacheSettings } from "@user-service/core/cached/CacheSettings"
import { LimitSettings } from "@user-service/core/limits/LimitSettings"
import { PublicUrl } from "@user-service/core/PublicUrl"
import { PushTokenSettings } from "@user-service/core/push-tokens/PushTokenSettings"
import { SessionSettings } from "@user-service/core/SessionSettings"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as PostgresSettings from "@user-service/database/PostgresSettings"
import { secretKeyProblem } from "@user-service/domain/SecretKey"
import * as Environment from "@user-service/runtime/Environment"
import * as ListenHost from "@user-service/runtime/ListenHost"
import * as MetricsToken from "@user-service/runtime/MetricsToken"
import * as Keys from "@user-service/security/Keys"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import * as ServiceKeys from "@user-service/security/ServiceKeys"
import { TokenSettings } from "@user-service/security/TokenSettings"
import * as Logs from "@user-service/telemetry/Logs"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Config, Duration, Effect, Layer, Option, Redacted, Schema, Struct } from "effect"
import { EdgeSettings } from "./edge/EdgeSettings.ts"
import { hostName, isServed } from "./edge/Hosts.ts"

const shutdownGrace = Config.schema(
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400 })),
  "SHUTDOWN_GRACE_SECONDS"
).pipe(Config.withDefault(20), Config.map(Duration.seconds))

// Without a load balancer, which only production is expected to have, there is no need to wait before a shutdown.
const shutdownNotice = Config.all({
  environment: Config.String("NODE_ENV").pipe(Config.withDefault("development")),
  grace: shutdownGrace,
  notice: Config.option(Config.schema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)), "SHUTDOWN_NOTICE_SECONDS"))
}).pipe(
  Config.map(({ environment, grace, notice }) => {
    const defaultNotice = environment === "production" ? Math.min(2, Duration.toSeconds(grace) / 4) : 0
    return { grace: Duration.toSeconds(grace), notice: Option.getOrElse(notice, () => defaultNotice) }
  })
)

/** The settings of the API, from environment variables. */
export const parts = {
  environment: Config.Literals(["development", "test", "production"], "NODE_ENV").pipe(
    Config.withDefault("development")
  ),
  host: ListenHost.config,
  // 0 selects a free port.
  port: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })), "PORT").pipe(
    Config.withDefault(8000)
  ),
  workers: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 })), "WORKERS").pipe(
    Config.withDefault(1)
  ),
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data")),
  shutdownGrace,
  shutdownNotice: shutdownNotice.pipe(Config.map(({ notice }) => Duration.seconds(notice))),
  database: PostgresSettings.config,
  migrateOnStart: MigrateOnStart.config,
  redisUrl: RedisUrl.config,
  rabbitmqUrl: RabbitMqUrl.config,
  logs: Logs.config,
  tracing: Tracing.config,
  keys: Keys.config,
  secretKey: Config.option(Config.Redacted("SECRET_KEY")),
  tokens: TokenSettings.config,
  serviceKeys: ServiceKeys.config,
  passwords: PasswordSettings.config,
  passwordPolicy: PasswordPolicySettings.config,
  sessions: SessionSettings.config,
  limits: LimitSettings.config,
  cache: CacheSettings.config,
  pushTokens: PushTokenSettings.config,
  publicUrl: PublicUrl.config,
  edge: EdgeSettings.config
}

/** The settings of the API, checked. */
export type ApiSettings = Config.Success<ReturnType<typeof Config.all<typeof parts>>>

// Production requires external engines, and no generated or well-known secrets. The rule needs several variables.
const inProduction = Config.all(
  Struct.pick(parts, [
    "environment",
    "database",
    "redisUrl",
    "rabbitmqUrl",
    "keys",
    "secretKey",
    "serviceKeys",
    "edge",
    "publicUrl"
  ])
)

const productionProblems = (settings: Config.Success<typeof inProduction>): ReadonlyArray<Environment.Problem> => {
  if (settings.environment !== "production") return []
  // A weak key is refused even if it is unused, since a change of the algorithm would put it to use.
  const secret = Option.match(settings.secretKey, {
    onNone: () => undefined,
    onSome: (key) => secretKeyProblem(Redacted.value(key))
  })
  return [
    ...missingProblem(Option.isNone(settings.database), "DATABASE_URL", "DATABASE_URL (or DB_HOST)"),
    ...missingProblem(Option.isNone(settings.redisUrl), "REDIS_URL"),
    ...missingProblem(Option.isNone(settings.rabbitmqUrl), "RABBITMQ_URL"),
    ...missingProblem(!settings.keys.named, "JWT_KEYS_FILE"),
    ...publicUrlProblem(settings.publicUrl),
    ...(secret === undefined ? [] : [["SECRET_KEY", `SECRET_KEY: ${secret}`] satisfies Environment.Problem]),
    ...weaknessProblems("SERVICE_API_KEYS", ServiceKeys.weaknesses(settings.serviceKeys.named)),
    ...weaknessProblems("METRICS_TOKEN", MetricsToken.weaknesses(settings.edge.metricsToken))
  ]
}

const publicUrlProblem = ({ isSet, url }: ApiSettings["publicUrl"]): ReadonlyArray<Environment.Problem> =>
  !isSet || url.startsWith("https:")
    ? missingProblem(!isSet, "PUBLIC_URL")
    : [["PUBLIC_URL", "PUBLIC_URL: must be an https:// URL in production"]]

const missingProblem = (isMissing: boolean, variable: string, name = variable): ReadonlyArray<Environment.Problem> =>
  isMissing ? [[variable, `${name}: required in production`]] : []

const weaknessProblems = (variable: string, problems: ReadonlyArray<string>): ReadonlyArray<Environment.Problem> =>
  problems.length === 0 ? [] : [[variable, `${variable}: ${problems.join("; ")}`]]

/** The problems of combinations of settings. */
export const judge: Effect.Effect<ReadonlyArray<Environment.Problem>, Config.ConfigError> = Effect.map(
  Config.all({ inProduction, shutdownNotice }),
  (settings) => [
    ...productionProblems(settings.inProduction),
    ...linkHostProblems(settings.inProduction),
    ...noticeProblems(settings.shutdownNotice)
  ]
)

// The default PUBLIC_URL is only for a browser on this machine.
const linkHostProblems = ({
  edge,
  publicUrl
}: Pick<ApiSettings, "edge" | "publicUrl">): ReadonlyArray<Environment.Problem> =>
  !publicUrl.isSet || isServed(hostName(new URL(publicUrl.url).host), edge.allowedHosts)
    ? []
    : [
        [
          "PUBLIC_URL",
          "PUBLIC_URL: ALLOWED_HOSTS does not name its host, so this service would refuse every link in a mail"
        ]
      ]

const noticeProblems = ({ grace, notice }: Config.Success<typeof shutdownNotice>): ReadonlyArray<Environment.Problem> =>
  notice <= grace / 2
    ? []
    : [["SHUTDOWN_NOTICE_SECONDS", "SHUTDOWN_NOTICE_SECONDS: must be half of SHUTDOWN_GRACE_SECONDS at most"]]

/** Reads all settings, and fails with all of their problems. */
export const read: Effect.Effect<ApiSettings, Environment.SettingsInvalid> = Environment.read(parts, judge)

/** Provides the settings as services. */
export const layer = (settings: ApiSettings) => {
  const isProduction = settings.environment === "production"
  return Layer.mergeAll(
    Layer.succeed(CacheSettings, settings.cache),
    Layer.succeed(EdgeSettings, settings.edge),
    Layer.succeed(LimitSettings, settings.limits),
    Layer.succeed(PasswordPolicySettings, settings.passwordPolicy),
    Layer.succeed(PasswordSettings, settings.passwords),
    Layer.succeed(PublicUrl, settings.publicUrl.url),
    Layer.succeed(PushTokenSettings, settings.pushTokens),
    Layer.succeed(SessionSettings, settings.sessions),
    Layer.succeed(TokenSettings, settings.tokens),
    Layer.succeed(Keys.KeyFileSettings, {
      path: settings.keys.path,
      create: !isProduction,
      // A file without a setting was created by this service, which may then fix its permissions.
      exposed: isProduction ? "refuse" : settings.keys.named ? "warn" : "mend"
    }),
    Layer.succeed(ServiceKeys.ServiceKeySettings, {
      ...settings.serviceKeys,
      exposed: isProduction ? "refuse" : "warn"
    })
  )
}
