import { Effect } from "effect"
import { TestApi } from "../TestApi.ts"

/**
 * An outage of one table: reads of it fail as they do while the server has too many connections (53300). It ends with the scope at
 * the latest.
 */
export const outageOf = Effect.fnUntraced(function* (table: string) {
  const { sql } = yield* TestApi
  const away = `${table}_away`
  const begin = Effect.gen(function* () {
    yield* sql`
      create or replace function unavailable() returns boolean language plpgsql as
      $$ begin raise exception 'too many connections' using errcode = '53300'; end $$`
    yield* sql`alter table ${sql(table)} rename to ${sql(away)}`
    yield* sql`create view ${sql(table)} as select * from ${sql(away)} where (select unavailable())`
  })
  const end = Effect.gen(function* () {
    const [state] = yield* sql<{ readonly isOver: boolean }>`select to_regclass(${away}) is null as "isOver"`
    if (state?.isOver === true) return
    yield* sql`drop view ${sql(table)}`
    yield* sql`alter table ${sql(away)} rename to ${sql(table)}`
  })
  yield* Effect.addFinalizer(() => Effect.orDie(end))
  return { begin: Effect.orDie(begin), end: Effect.orDie(end) }
})
