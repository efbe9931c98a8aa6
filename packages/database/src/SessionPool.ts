import { PgPool } from "@effect/sql-pg"
import { Effect, Semaphore } from "effect"

/**
 * The connection pool for transactions: each session serves one transaction at a time, the most recently used first. Every
 * session is a library pool of one connection, because a library pool of many makes callers wait for connections that
 * could not be opened while others are free (decision 0012).
 */
export const makeSessionPool = Effect.fnUntraced(function* (config: PgPool.Config, size: number) {
  const permits = yield* Semaphore.make(size)
  const free = yield* Effect.replicateEffect(
    PgPool.make({ ...config, multiplex: true, multiplexConcurrency: 1, minConnections: 1, maxConnections: 1 }),
    size
  )
  const session = Effect.acquireRelease(
    Effect.map(permits.take(1), () => free.pop()),
    (pool) => {
      if (pool !== undefined) free.push(pool)
      return permits.release(1)
    },
    { interruptible: true }
  )
  return Effect.flatMap(session, (pool) => pool?.get ?? Effect.die("There are as many permits as sessions"))
})
