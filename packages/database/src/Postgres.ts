import { PgClient } from "@effect/sql-pg"
import { engineUrl, isUrlOf } from "@user-service/domain/EngineUrl"
import { Config, Duration, Effect, Layer, Metric, Option, Redacted, Schema } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError } from "effect/sql"
import { DirectSql } from "./DirectSql.ts"
import { lending } from "./Lending.ts"
import { withPipelining } from "./Pipelining.ts"
import { watchedLinks } from "./SilentLink.ts"

/** Where PostgreSQL is, and how many connections this process holds to it. */
export interface PostgresSettings {
  readonly url: Redacted.Redacted<string>
  /** The server itself where `url` is that of a pooler; see DirectSql. */
  readonly directUrl?: Redacted.Redacted<string> | undefined
  readonly poolSize: number
}

const fromParts = Config.all({
  host: Config.NonEmptyString("DB_HOST"),
  port: Config.Port("DB_PORT").pipe(Config.withDefault(5432)),
  name: Config.NonEmptyString("DB_NAME").pipe(Config.withDefault("user_service")),
  user: Config.NonEmptyString("DB_USER").pipe(Config.withDefault("postgres")),
  password: Config.Redacted("DB_PASSWORD").pipe(Config.withDefault(Redacted.make("")))
}).pipe(
  Config.map(({ host, name, password, port, user }) => {
    const account = [user, Redacted.value(password)]
      .filter((part) => part !== "")
      .map(encodeURIComponent)
      .join(":")
    return Redacted.make(`postgres://${account}@${host}:${port}/${encodeURIComponent(name)}`, { label: "DATABASE_URL" })
  })
)

const url = (variable: string) =>
  engineUrl(variable, {
    isValid: isUrlOf("postgres", "postgresql"),
    form: "postgres://user:password@host:port/name"
  })

/**
 * `DATABASE_URL`, or `DB_HOST` with `DB_PORT`, `DB_NAME`, `DB_USER` and `DB_PASSWORD`; none where neither is set. And
 * `DATABASE_DIRECT_URL`.
 */
export const config: Config.Config<Option.Option<PostgresSettings>> = Config.all({
  whole: Config.option(url("DATABASE_URL")),
  directUrl: Config.option(url("DATABASE_DIRECT_URL")),
  parts: Config.option(fromParts),
  poolSize: Config.schema(Schema.Int.check(Schema.isGreaterThan(1)), "DB_POOL_SIZE").pipe(Config.withDefault(10))
}).pipe(
  Config.map(({ directUrl, parts, poolSize, whole }) =>
    Option.map(
      Option.orElse(whole, () => parts),
      (url) => ({ url, directUrl: Option.getOrUndefined(directUrl), poolSize })
    )
  )
)

/**
 * The longest any statement runs on the server. Interrupting a fiber does not stop a multiplexed statement there, so
 * this is what keeps one slow statement from holding up those that share its connection.
 */
export const statementTimeout = Duration.millis(2500)

// The server answers a statement before this, by its end or by its timeout; a link that brings no answer is none.
const silenceLimit = Duration.times(statementTimeout, 3)

/** PostgreSQL. Builds while the server is out of reach; what then fails are the statements. */
export const layer = (settings: PostgresSettings): Layer.Layer<SqlClient.SqlClient | DirectSql, SqlError.SqlError> =>
  Layer.mergeAll(
    client(settings),
    directClient(settings.directUrl ?? settings.url),
    Layer.effectDiscard(Metric.update(poolSize, settings.poolSize))
  )

const poolSize = Metric.gauge("database_pool_size", { description: "Connections this process holds to PostgreSQL" })

const connectTimeout = Duration.seconds(1)
const applicationName = "user-service"

// As the address of a host and not in a URL.
const withoutBrackets = (hostname: string): string => hostname.replace(/^\[|\]$/g, "")

// Opened when used: a connection for LISTEN, for what the process leads, and for migrations.
const directClient = (url: Redacted.Redacted<string>) =>
  Layer.effect(
    DirectSql,
    PgClient.make({
      url,
      maxConnections: 4,
      connectTimeout,
      applicationName,
      keepAlive: "5 seconds",
      startupParameters: { timezone: "UTC" }
    })
  ).pipe(Layer.provide(Reactivity.layer))

// What reads and single statements share, which takes many of them at once; the others are for transactions, one each.
const sharedConnections = (poolSize: number): number => Math.ceil(poolSize / 5)

const client = (settings: PostgresSettings) => {
  const { hostname, port } = new URL(Redacted.value(settings.url))
  const shared = sharedConnections(settings.poolSize)
  const session = {
    url: settings.url,
    connectTimeout,
    applicationName,
    stream: watchedLinks({ host: withoutBrackets(hostname), port: Number(port || 5432), limit: silenceLimit }),
    startupParameters: {
      timezone: "UTC",
      statement_timeout: String(Duration.toMillis(statementTimeout)),
      idle_in_transaction_session_timeout: "10000"
    }
  }
  return Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      // All of them from the start, and for good: a pool that shrinks can forget who waits for it (decision 0011).
      const client = yield* PgClient.make({
        ...session,
        minConnections: shared,
        maxConnections: shared,
        multiplex: true
      })
      return withPipelining(client, yield* lending(session, settings.poolSize - shared))
    })
  ).pipe(Layer.provide(Reactivity.layer))
}
