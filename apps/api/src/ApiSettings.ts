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
import { Config, ConfigProvider, Duration, Effect, Option, Redacted, Result, Schema, SchemaIssue, Struct } from "effect"
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

/** The problems found so far, as lines, under the variable each is of. */
type Problems = Map<string, string>

// The environment, as if the variables with problems were not set.
const without = (environment: ConfigProvider.ConfigProvider, problems: Problems) =>
  ConfigProvider.make((path) => (problems.has(path.join("_")) ? Effect.undefined : environment.load(path)))

// Under the variable's name and without its value, which may be a secret.
const describe = Effect.fnUntraced(function* ({ cause }: Config.ConfigError) {
  if (cause._tag !== "SchemaError") return [["", cause.message] as const]
  const environment = yield* ConfigProvider.ConfigProvider
  return yield* Effect.forEach(issuesOf(cause.issue).issues, ({ message, path = [] }) => {
    const names = path.map(String)
    return Effect.map(Effect.orDie(environment.load(names)), (value) => {
      const variable = names.join("_")
      return [variable, `${variable}: ${value === undefined ? "required" : message}`] as const
    })
  })
})

// A reading ends at the first wrong variable; it is made again without that one, until it finds no other.
const collect = Effect.fnUntraced(function* (part: Config.Config<unknown>, problems: Problems) {
  const environment = yield* ConfigProvider.ConfigProvider
  for (;;) {
    const provider = without(environment, problems)
    const result = yield* Effect.result(Effect.provideService(part, ConfigProvider.ConfigProvider, provider))
    if (Result.isSuccess(result)) return
    const found = (yield* describe(result.failure)).filter(([variable]) => !problems.has(variable))
    if (found.length === 0) return
    for (const [variable, line] of found) problems.set(variable, line)
  }
})

// What no single variable can say: production runs on nothing embedded, generated or well known.
const inProduction = Config.all(
  Struct.pick(parts, ["environment", "database", "redisUrl", "rabbitmqUrl", "keys", "secretKey"])
)

const productionProblems = (settings: Config.Success<typeof inProduction>): ReadonlyArray<[string, string]> => {
  if (settings.environment !== "production") return []
  // Weak is refused even where nothing uses it yet: it would be used the day the algorithm is changed.
  const secret = Option.match(settings.secretKey, {
    onNone: () => undefined,
    onSome: (key) => TokenSigner.secretKeyProblem(Redacted.value(key))
  })
  return [
    ...missing(Option.isNone(settings.database), "DATABASE_URL", "DATABASE_URL (or DB_HOST)"),
    ...missing(Option.isNone(settings.redisUrl), "REDIS_URL"),
    ...missing(Option.isNone(settings.rabbitmqUrl), "RABBITMQ_URL"),
    ...missing(!settings.keys.named, "JWT_KEYS_FILE"),
    ...(secret === undefined ? [] : [["SECRET_KEY", `SECRET_KEY: ${secret}`] satisfies [string, string]])
  ]
}

const missing = (isMissing: boolean, variable: string, name = variable): ReadonlyArray<[string, string]> =>
  isMissing ? [[variable, `${name}: required in production`]] : []

/** Reads the environment whole, so that one start tells everything that is wrong with it. */
export const read: Effect.Effect<ApiSettings, SettingsInvalid> = Effect.gen(function* () {
  const problems: Problems = new Map()
  for (const part of Object.values(parts)) yield* collect(part, problems)
  const provider = without(yield* ConfigProvider.ConfigProvider, problems)
  const known = yield* Effect.orDie(Effect.provideService(inProduction, ConfigProvider.ConfigProvider, provider))
  for (const [variable, line] of productionProblems(known)) {
    if (!problems.has(variable)) problems.set(variable, line)
  }
  if (problems.size > 0) return yield* new SettingsInvalid({ problems: [...problems.values()] })
  return yield* Effect.orDie(config)
})
