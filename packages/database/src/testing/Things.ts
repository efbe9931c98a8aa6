import { Array, Deferred, Effect, Fiber, Latch, Layer, Predicate } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"

/** Creates the table `things` for the suite of `SqlClient`. */
export const createTable = Layer.effectDiscard(
  SqlClient.SqlClient.use(
    (sql) => sql`
      create table things (
        id uuid primary key,
        name text not null constraint things_name_key unique,
        amount integer not null default 0 check (amount >= 0),
        parent_id uuid references things (id)
      )`
  )
)

export const freshNames = (count: number) => Array.makeBy(count, () => randomUUID())

export const insert = (name: string) =>
  SqlClient.SqlClient.use((sql) => sql`insert into things ${sql.insert({ id: randomUUID(), name })}`)

export const exists = (name: string) =>
  Effect.map(
    SqlClient.SqlClient.use((sql) => sql`select 1 from things where name = ${name}`),
    (rows) => rows.length === 1
  )

export const transaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  SqlClient.SqlClient.use((sql) => sql.withTransaction(effect))

export const reasonOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    SqlError.isSqlError(error) ? Effect.succeed(error.reason) : Effect.die(error)
  )

export const sqlStateOf = ({ cause }: SqlError.SqlErrorReason) =>
  Predicate.hasProperty(cause, "code") ? String(cause.code) : ""

/** Occupies all connections with transactions until the latch opens. */
export const occupy = Effect.fnUntraced(function* (connections: number, until: Latch.Latch) {
  const holding = yield* Effect.replicateEffect(Deferred.make<void>(), connections)
  const fibers = yield* Effect.forEach(holding, (held) =>
    Effect.forkChild(
      transaction(
        SqlClient.SqlClient.use((sql) => sql`select 1`).pipe(
          Effect.andThen(Deferred.succeed(held, undefined)),
          Effect.andThen(until.await)
        )
      )
    )
  )
  yield* Effect.forEach(holding, (held) => Deferred.await(held))
  return fibers
})

/** Checks that all connections can be used at the same time, so that none has leaked. */
export const requireAllFree = Effect.fnUntraced(function* (connections: number) {
  const until = yield* Latch.make()
  const fibers = yield* occupy(connections, until)
  yield* until.open
  yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
})
