import { Deferred, Effect, Fiber } from "effect"
import type { SqlClient } from "effect/sql"

/** Locks a table, so that statements on it wait until they time out, while `use` runs. `unlock` ends the lock before. */
export const withLockedTable = async (
  sql: SqlClient.SqlClient,
  table: string,
  use: (unlock: () => Promise<void>) => Promise<void>
): Promise<void> => {
  const isLocked = Deferred.makeUnsafe<void>()
  const isDone = Deferred.makeUnsafe<void>()
  const lock = Effect.runFork(
    sql`set local idle_in_transaction_session_timeout = 0`.pipe(
      Effect.andThen(sql`lock table ${sql(table)} in access exclusive mode`),
      Effect.andThen(Deferred.succeed(isLocked, undefined)),
      Effect.andThen(Deferred.await(isDone)),
      sql.withTransaction
    )
  )
  const unlock = () =>
    Effect.runPromise(Effect.andThen(Deferred.succeed(isDone, undefined), Effect.asVoid(Fiber.join(lock))))
  try {
    await Effect.runPromise(Effect.raceFirst(Deferred.await(isLocked), Effect.asVoid(Fiber.join(lock))))
    await use(unlock)
  } finally {
    await unlock()
  }
}
