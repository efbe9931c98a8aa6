import { Config, Effect, Option, Redacted, Result, Schema, SchemaIssue } from "effect"
import { parseHost, parseUrl, type PostgresAddress } from "./PostgresAddress.ts"

/** The addresses of PostgreSQL, and how the process connects. */
export interface PostgresSettings {
  readonly address: PostgresAddress
  /** The address of PostgreSQL itself if `address` is that of a pooler, see DirectSql. */
  readonly direct: PostgresAddress | undefined
  /** Whether statements are prepared under a name, once per connection. */
  readonly preparedStatements: boolean
  /** How many connections the process opens to `address`. */
  readonly poolSize: number
}

/**
 * Whether `address` may be a pooler that assigns sessions per transaction, such as PgBouncer. Then no state may depend on the session,
 * and the startup packet may contain only parameters that the pooler knows.
 */
export const isPooled = ({ direct, preparedStatements }: PostgresSettings): boolean =>
  direct !== undefined || !preparedStatements

// Names the variable without its value.
const configError = (variable: string, message: string): Effect.Effect<never, Config.ConfigError> =>
  Effect.fail(
    new Config.ConfigError(
      new Schema.SchemaError(new SchemaIssue.Pointer([variable], new SchemaIssue.InvalidValue({ message })))
    )
  )

const parseSetting =
  <A>(variable: string, parse: (text: string) => Result.Result<A, string>) =>
  (text: string): Effect.Effect<A, Config.ConfigError> =>
    Result.match(parse(text), {
      onSuccess: Effect.succeed,
      onFailure: (message) => configError(variable, message)
    })

const url = (variable: string): Config.Config<PostgresAddress> =>
  Config.String(variable).pipe(Config.mapEffect(parseSetting(variable, (text) => parseUrl(variable, text))))

const fromParts: Config.Config<PostgresAddress> = Config.all({
  host: Config.String("DB_HOST").pipe(Config.mapEffect(parseSetting("DB_HOST", parseHost))),
  port: Config.Port("DB_PORT").pipe(Config.withDefault(5432)),
  database: Config.NonEmptyString("DB_NAME").pipe(Config.withDefault("user_service")),
  user: Config.NonEmptyString("DB_USER").pipe(Config.withDefault("postgres")),
  password: Config.option(Config.Redacted("DB_PASSWORD"))
}).pipe(
  Config.map(({ password, ...parts }) => ({
    ...parts,
    hosts: [{ host: parts.host, port: parts.port }],
    variable: "DB_HOST",
    password: Option.getOrUndefined(Option.filter(password, (secret) => Redacted.value(secret) !== "")),
    tls: { mode: "disable" },
    applicationName: undefined,
    options: undefined,
    connectTimeout: undefined
  }))
)

/**
 * `DATABASE_URL`, or `DB_HOST` with `DB_PORT`, `DB_NAME`, `DB_USER` and `DB_PASSWORD`. None if neither is set. Also reads
 * `DATABASE_DIRECT_URL`, `DATABASE_PREPARED_STATEMENTS` and `DB_POOL_SIZE`.
 */
export const config: Config.Config<Option.Option<PostgresSettings>> = Config.all({
  whole: Config.option(url("DATABASE_URL")),
  direct: Config.option(url("DATABASE_DIRECT_URL")),
  parts: Config.option(fromParts),
  preparedStatements: Config.Boolean("DATABASE_PREPARED_STATEMENTS").pipe(Config.withDefault(true)),
  // The maximum of max_connections (PostgreSQL 17, section 19.3.1).
  poolSize: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 262_143 })), "DB_POOL_SIZE").pipe(
    Config.withDefault(10)
  )
}).pipe(
  Config.mapEffect((settings) =>
    Option.isSome(settings.direct) && Option.isNone(settings.whole) && Option.isNone(settings.parts)
      ? configError("DATABASE_DIRECT_URL", "needs a valid DATABASE_URL (or DB_HOST) beside it")
      : Effect.succeed(settings)
  ),
  Config.map(({ direct, parts, poolSize, preparedStatements, whole }) =>
    Option.map(
      Option.orElse(whole, () => parts),
      (address) => ({ address, direct: Option.getOrUndefined(direct), preparedStatements, poolSize })
    )
  )
)
