import { Effect, Option } from "effect"
import type { SqlClient, SqlConnection, SqlError } from "effect/sql"
import { direct } from "./DirectSql.ts"
import { isEmbedded } from "./Embedded.ts"

/**
 * Leader election: runs the effect if no other process runs one with the same lock number, otherwise returns none. Holds an
 * advisory lock on a separate connection. If the connection breaks, the effect continues, and another process may start it
 * too.
 */
export const whileLeading =
  (lock: number) =>
  <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E | SqlError.SqlError, R | SqlClient.SqlClient> =>
    Effect.flatMap(direct, (sql) =>
      isEmbedded(sql) ? Effect.asSome(effect) : Effect.scoped(runWithLock(sql, lock, effect))
    )

const runWithLock = Effect.fnUntraced(function* <A, E, R>(
  sql: SqlClient.SqlClient,
  lock: number,
  effect: Effect.Effect<A, E, R>
) {
  const connection = yield* sql.reserve
  const isLeader = yield* Effect.acquireRelease(tryLock(connection, lock), (locked) =>
    locked ? Effect.ignore(connection.executeValues("select pg_advisory_unlock($1)", [lock])) : Effect.void
  )
  return isLeader ? Option.some(yield* effect) : Option.none<A>()
})

const tryLock = (connection: SqlConnection.Connection, lock: number) =>
  Effect.map(
    connection.executeValues("select pg_try_advisory_lock($1)", [lock]),
    ([row]) => Array.isArray(row) && row[0] === true
  )
