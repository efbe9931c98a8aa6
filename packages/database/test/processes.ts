import { DirectSql } from "@user-service/database/DirectSql"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Storage } from "@user-service/database/Storage"
import { Context, Effect, Latch, Layer, Ref } from "effect"
import { SqlClient } from "effect/sql"

/** How many connections a process has for transactions, and in all. */
export const connections = 4
const poolSize = 6

/** What one process has, with connections of its own. */
export const oneProcess = Effect.fnUntraced(function* (url: string) {
  const database = Postgres.layer(settingsOf(url, poolSize))
  const context = yield* Layer.build(Layer.fresh(Storage.layer.pipe(Layer.provideMerge(database))))
  const sql = Context.get(context, SqlClient.SqlClient)
  const storage = Context.get(context, Storage)

  /** Holds all that are for transactions at the same time, which shows that none was lost. */
  const holdAll = Effect.gen(function* () {
    const all = yield* Latch.make()
    const held = yield* Ref.make(0)
    const hold = Effect.gen(function* () {
      yield* sql`select 1`
      if ((yield* Ref.updateAndGet(held, (n) => n + 1)) === connections) yield* all.open
      yield* all.await
    })
    yield* Effect.replicateEffect(storage.transaction(hold), connections, { concurrency: "unbounded", discard: true })
  })

  return {
    sql,
    storage,
    direct: Context.get(context, DirectSql),
    migrate: Effect.provide(Migrations.run, context),
    holdAll
  }
})
