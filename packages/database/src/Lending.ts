import { PgPool } from "@effect/sql-pg"
import { Effect, Semaphore } from "effect"

/**
 * Sessions that are each lent to one at a time, the last used first. Every one is a pool of one: the library's own pool of
 * many lets those wait who could have one, where some could not be opened.
 */
export const lending = Effect.fnUntraced(function* (config: PgPool.Config, size: number) {
  const places = yield* Semaphore.make(size)
  const free = yield* Effect.replicateEffect(
    PgPool.make({ ...config, multiplex: true, multiplexConcurrency: 1, minConnections: 1, maxConnections: 1 }),
    size
  )
  const place = Effect.acquireRelease(
    Effect.map(places.take(1), () => free.pop()),
    (pool) => {
      if (pool !== undefined) free.push(pool)
      return places.release(1)
    },
    { interruptible: true }
  )
  return Effect.flatMap(place, (pool) => pool?.get ?? Effect.die("There are as many places as sessions"))
})
