import { Effect, Option } from "effect"
import type { SqlClient, SqlConnection, SqlError } from "effect/sql"
import { direct } from "./DirectSql.ts"
import { isEmbedded } from "./Embedded.ts"

/**
 * Runs the effect while no other process does so under the same number, or not at all. Holds a connection of its own for
 * that, with an advisory lock; should it break, the effect goes on, and another process may begin meanwhile.
 */
export const whileLeading =
  (lock: number) =>
  <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E | SqlError.SqlError, R | SqlClient.SqlClient> =>
    Effect.flatMap(direct, (sql) =>
      isEmbedded(sql) ? Effect.asSome(effect) : Effect.scoped(whileHeld(sql, lock, effect))
    )

const whileHeld = Effect.fnUntraced(function* <A, E, R>(
  sql: SqlClient.SqlClient,
  lock: number,
  effect: Effect.Effect<A, E, R>
) {
  const connection = yield* sql.reserve
  const isHeld = yield* Effect.acquireRelease(take(connection, lock), (held) =>
    held ? Effect.ignore(connection.executeValues("select pg_advisory_unlock($1)", [lock])) : Effect.void
  )
  return isHeld ? Option.some(yield* effect) : Option.none<A>()
})

const take = (connection: SqlConnection.Connection, lock: number) =>
  Effect.map(
    connection.executeValues("select pg_try_advisory_lock($1)", [lock]),
    ([row]) => Array.isArray(row) && row[0] === true
  )
