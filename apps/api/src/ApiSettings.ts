import { config as cacheConfig } from "@user-service/core/CacheSettings"
import { config as passwordPolicyConfig } from "@user-service/core/accounts/PasswordPolicy"
import { config as limitsConfig } from "@user-service/core/limits/Limits"
import { config as maxPushTokensConfig } from "@user-service/core/push-tokens/Registrations"
import { config as sessionConfig } from "@user-service/core/sessions/SessionSettings"
import * as Redis from "@user-service/cache/Redis"
import * as Postgres from "@user-service/database/Postgres"
import { engineUrl, isUrlOf } from "@user-service/domain/EngineUrl"
import * as Keys from "@user-service/security/Keys"
import * as PasswordHasher from "@user-service/security/PasswordHasher"
import * as TokenSigner from "@user-service/security/TokenSigner"
import * as Logs from "@user-service/telemetry/Logs"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Config, Duration, Effect, Option, Redacted, Result, Schema, SchemaIssue } from "effect"
import { config as edgeConfig } from "./http/EdgeSettings.ts"

const parts = {
  environment: Config.Literals(["development", "test", "production"], "NODE_ENV").pipe(
    Config.withDefault("development")
  ),
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  // 0 is any free one.
  port: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })), "PORT").pipe(
    Config.withDefault(8000)
  ),
  workers: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 })), "WORKERS").pipe(
    Config.withDefault(1)
  ),
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data")),
  shutdownGrace: Config.schema(Schema.Int.check(Schema.isGreaterThan(0)), "SHUTDOWN_GRACE_SECONDS").pipe(
    Config.withDefault(20),
    Config.map(Duration.seconds)
  ),
  database: Postgres.config,
  redisUrl: Redis.config,
  rabbitmqUrl: Config.option(
    engineUrl("RABBITMQ_URL", { isValid: isUrlOf("amqp", "amqps"), form: "amqp://user:password@host:port" })
  ),
  logs: Logs.config,
  tracing: Tracing.config,
  keys: Keys.config,
  secretKey: Config.option(Config.Redacted("SECRET_KEY")),
  tokens: TokenSigner.config,
  passwords: PasswordHasher.config,
  passwordPolicy: passwordPolicyConfig,
  sessions: sessionConfig,
  limits: limitsConfig,
  cache: cacheConfig,
  maxPushTokens: maxPushTokensConfig,
  edge: edgeConfig
}
const config = Config.all(parts)

/** Everything the environment says, checked. */
export type ApiSettings = Config.Success<typeof config>

/** What is wrong with the environment, all of it. */
export class SettingsInvalid extends Schema.TaggedError<SettingsInvalid>()("SettingsInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return ["The configuration is not valid:", ...this.problems.map((problem) => `  - ${problem}`)].join("\n")
  }
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

// Under the variable's name and without its value, which may be a secret.
const describe = ({ cause }: Config.ConfigError): ReadonlyArray<string> =>
  cause._tag === "SchemaError"
    ? issuesOf(cause.issue).issues.map(({ message, path }) => `${(path ?? []).map(String).join("_")}: ${message}`)
    : [cause.message]

// What no single variable can say: production runs on nothing embedded, generated or well known.
const productionProblems = (settings: ApiSettings): ReadonlyArray<string> => {
  if (settings.environment !== "production") return []
  const missing = [
    ...(Option.isNone(settings.database) ? ["DATABASE_URL (or DB_HOST): required in production"] : []),
    ...(Option.isNone(settings.redisUrl) ? ["REDIS_URL: required in production"] : []),
    ...(Option.isNone(settings.rabbitmqUrl) ? ["RABBITMQ_URL: required in production"] : []),
    ...(settings.keys.named ? [] : ["JWT_KEYS_FILE: required in production"])
  ]
  // Weak is refused even where nothing uses it yet: it would be used the day the algorithm is changed.
  const secret = Option.match(settings.secretKey, {
    onNone: () => undefined,
    onSome: (key) => TokenSigner.secretKeyProblem(Redacted.value(key))
  })
  return secret === undefined ? missing : [...missing, `SECRET_KEY: ${secret}`]
}

/** Reads the environment whole, so that one start tells everything that is wrong with it. */
export const read: Effect.Effect<ApiSettings, SettingsInvalid> = Effect.gen(function* () {
  const results = yield* Effect.forEach(Object.values(parts), (part: Config.Config<unknown>) => Effect.result(part))
  const problems = results.flatMap((result) => (Result.isFailure(result) ? describe(result.failure) : []))
  if (problems.length > 0) return yield* new SettingsInvalid({ problems })
  const settings = yield* Effect.orDie(config)
  const more = productionProblems(settings)
  return more.length > 0 ? yield* new SettingsInvalid({ problems: more }) : settings
})
