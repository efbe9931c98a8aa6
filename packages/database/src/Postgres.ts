import { PgClient, type PgConnection } from "@effect/sql-pg"
import { Effect, Layer, Metric } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError } from "effect/sql"
import { DirectSql } from "./DirectSql.ts"
import * as Sessions from "./OpenSessions.ts"
import { makeSessionPool } from "./SessionPool.ts"
import { withPipelining } from "./Pipelining.ts"
import type { PostgresAddress } from "./PostgresAddress.ts"
import { PostgresCheck } from "./PostgresCheck.ts"
import { directSession, pooledSession, serverLimits } from "./PostgresSession.ts"
import { isPooled, type PostgresSettings } from "./PostgresSettings.ts"

/** PostgreSQL. The layer also builds while the server is unreachable; statements then fail. */
export const layer = (
  settings: PostgresSettings
): Layer.Layer<SqlClient.SqlClient | DirectSql | PostgresCheck | Sessions.OpenSessions, SqlError.SqlError> =>
  Layer.unwrap(
    Effect.sync(() => {
      const { leave, track } = Sessions.make()
      return Layer.mergeAll(
        client(settings, track(pooledSession(settings))),
        directClient(track(directSession(settings))),
        Layer.succeed(Sessions.OpenSessions, { leave }),
        PostgresCheck.layer(settings),
        Layer.effectDiscard(Metric.update(poolSize, settings.poolSize))
      )
    })
  )

const poolSize = Metric.gauge("database_pool_size", { description: "Connections this process holds to PostgreSQL" })

/** One connection to a database that is not the service's, without deadlines. It closes with the scope. */
export const connectTo = (address: PostgresAddress) =>
  PgClient.make({
    ...directSession({ address, direct: undefined, preparedStatements: true, poolSize: 1 }),
    maxConnections: 1
  }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))

// Opened on demand: for LISTEN, leader locks and migrations.
const directClient = (session: PgConnection.Config) =>
  Layer.effect(DirectSql, PgClient.make({ ...session, maxConnections: 4 })).pipe(Layer.provide(Reactivity.layer))

// Reads and single statements share a fifth of the connections, many of them at once on each. The other connections form the
// session pool for transactions, which use one each.
const sharedConnections = (poolSize: number): number => Math.ceil(poolSize / 5)

// Behind a pooler a session keeps no settings, so each transaction sets the limits itself.
const transactionLimits = `select ${Object.entries(serverLimits)
  .map(([name, value]) => `set_config('${name}', '${value}', true)`)
  .join(", ")}`

const client = (settings: PostgresSettings, session: PgConnection.Config) => {
  const shared = sharedConnections(settings.poolSize)
  return Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      // A pool of constant size: a pool that shrinks can lose waiting callers (decision 0011).
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
