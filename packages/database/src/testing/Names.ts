import { Effect, Layer, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { raise } from "./Raise.ts"

/** SQLSTATEs of write conflicts: the server rolled back the transaction in favour of another one. */
export const rollbackStates = ["40001", "40P01"]

/** Creates the table `names` for the suite of `Storage`. */
export const createTable = Layer.effectDiscard(
  SqlClient.SqlClient.use((sql) => sql`create table names (name text constraint names_name_key primary key)`)
)

export const insert = (name: string) => SqlClient.SqlClient.use((sql) => sql`insert into names values (${name})`)

export const exists = (name: string) =>
  Effect.map(
    SqlClient.SqlClient.use((sql) => sql`select 1 from names where name = ${name}`),
    (rows) => rows.length === 1
  )

/** The effect, and a count of its runs. */
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

/** Fails once with each of the SQLSTATEs, then succeeds. */
export const failingFirst = Effect.fnUntraced(function* (sqlStates: ReadonlyArray<string>) {
  const left = yield* Ref.make(sqlStates)
  return yield* withRunCount(
    Effect.flatMap(
      Ref.getAndUpdate(left, (sqlStates) => sqlStates.slice(1)),
      ([sqlState]) => (sqlState === undefined ? Effect.succeed("done") : Effect.as(raise(sqlState), "never"))
    )
  )
})
