import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Metric } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError } from "effect/sql"
import { DirectSql } from "./DirectSql.ts"
import { makeSessionPool } from "./SessionPool.ts"
import { withPipelining } from "./Pipelining.ts"
import { PostgresCheck } from "./PostgresCheck.ts"
import { directSession, pooledSession, serverLimits } from "./PostgresSession.ts"
import { isPooled, type PostgresSettings } from "./PostgresSettings.ts"

/** PostgreSQL. Builds while the server is out of reach; what then fails are the statements. */
export const layer = (
  settings: PostgresSettings
): Layer.Layer<SqlClient.SqlClient | DirectSql | PostgresCheck, SqlError.SqlError> =>
  Layer.mergeAll(
    client(settings),
    directClient(settings),
    PostgresCheck.layer(settings),
    Layer.effectDiscard(Metric.update(poolSize, settings.poolSize))
  )

const poolSize = Metric.gauge("database_pool_size", { description: "Connections this process holds to PostgreSQL" })

// Opened when used: a connection for LISTEN, for what the process leads, and for migrations.
const directClient = (settings: PostgresSettings) =>
  Layer.effect(DirectSql, PgClient.make({ ...directSession(settings), maxConnections: 4 })).pipe(
    Layer.provide(Reactivity.layer)
  )

// What reads and single statements share, which takes many of them at once; the others are for transactions, one each.
const sharedConnections = (poolSize: number): number => Math.ceil(poolSize / 5)

// Through a pooler no session keeps a limit, so each transaction sets them for itself.
const transactionLimits = `select ${Object.entries(serverLimits)
  .map(([name, value]) => `set_config('${name}', '${value}', true)`)
  .join(", ")}`

const client = (settings: PostgresSettings) => {
  const shared = sharedConnections(settings.poolSize)
  const session = pooledSession(settings)
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
      return withPipelining(client, {
        session: yield* makeSessionPool(session, settings.poolSize - shared),
        preparation: isPooled(settings) ? transactionLimits : undefined
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
}
