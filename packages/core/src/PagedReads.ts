// Reads whose plans are not left to the planner's estimates (decision 0041).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** The statement that makes the planner of a transaction follow indexes, see {@link PagedReads}. */
export const followIndexes = (sql: SqlClient.SqlClient) => sql`
  select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),
    set_config('jit', 'off', true)`

/**
 * Runs the reads of pages that pass over rows which their filter does not select.
 *
 * The planner takes some filters for so frequent or so rare that reading and sorting the whole table seems cheaper than following the
 * index of the order, or that all rows of a range are collected before the first is returned. Where it errs, a page takes seconds.
 * So it gets these plans at a prohibitive price in this transaction (decision 0041). The transaction also has a connection of its
 * own, so that no other request waits behind a slow page.
 */
export class PagedReads extends Context.Service<
  PagedReads,
  {
    readonly read: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
  }
>()("@user-service/core/PagedReads") {
  static readonly layer = Layer.effect(
    PagedReads,
    Effect.gen(function* () {
      const storage = yield* Storage.Storage
      const sql = yield* SqlClient.SqlClient

      // Sent together with the first statement.
      const settings = storage.pipeline(followIndexes(sql))

      return { read: (effect) => storage.transaction(Effect.andThen(settings, effect)) }
    })
  )
}
