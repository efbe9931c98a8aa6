import { Effect, Layer, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { raise } from "./Raise.ts"

/** What the server rolls back so that another could go on. */
export const rollbackStates = ["40001", "40P01"]

/** Creates the table `names`, which the suite of `Storage` writes to. */
export const createTable = Layer.effectDiscard(
  SqlClient.SqlClient.use((sql) => sql`create table names (name text constraint names_name_key primary key)`)
)

export const insert = (name: string) => SqlClient.SqlClient.use((sql) => sql`insert into names values (${name})`)

export const exists = (name: string) =>
  Effect.map(
    SqlClient.SqlClient.use((sql) => sql`select 1 from names where name = ${name}`),
    (rows) => rows.length === 1
  )

/** An effect and how often it was run. */
export const withRunCount = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const runs = yield* Ref.make(0)
  return {
    effect: Effect.andThen(
      Ref.update(runs, (n) => n + 1),
      effect
    ),
    runs: Ref.get(runs)
  }
})

/** Fails with each of the SQLSTATEs in turn, and then succeeds. */
export const failingFirst = Effect.fnUntraced(function* (sqlStates: ReadonlyArray<string>) {
  const left = yield* Ref.make(sqlStates)
  return yield* withRunCount(
    Effect.flatMap(
      Ref.getAndUpdate(left, (sqlStates) => sqlStates.slice(1)),
      ([sqlState]) => (sqlState === undefined ? Effect.succeed("done") : Effect.as(raise(sqlState), "never"))
    )
  )
})
