import { Effect, Option, Schema } from "effect"
import type { SqlError } from "effect/sql"

/** A repository's query: the decoded result of a statement, or the error of PostgreSQL. */
export type Query<A> = Effect.Effect<A, SqlError.SqlError>

type Decoder<A> = (answer: unknown) => Effect.Effect<ReadonlyArray<A>, Schema.SchemaError>

// Decoders are cached by schema: making one takes far longer than running it, and statements are built for each call.
const decoders = new WeakMap<Schema.Top, Decoder<unknown>>()

const decoderOf = <A, I>(row: Schema.Codec<A, I>): Decoder<A> => {
  const cached = decoders.get(row) as Decoder<A> | undefined
  if (cached !== undefined) return cached
  const decoder = Schema.decodeUnknownEffect(Schema.Array(row))
  decoders.set(row, decoder)
  return decoder
}

/**
 * Decodes the rows of a statement. A row that does not match its schema is a bug and therefore a defect. An error of
 * PostgreSQL stays a `SqlError`, which the transaction or the service handles.
 */
export const rows = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = decoderOf(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
    Effect.flatMap(statement, (answer) => Effect.orDie(decode(answer)))
}

/** Like {@link rows}, for a statement that returns at most one row. */
export const firstRow = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = rows(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
    Effect.map(decode(statement), (found) => Option.fromNullishOr(found[0]))
}

/** Like {@link rows}, for a statement that always returns one row. No row is a defect. */
export const onlyRow = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = firstRow(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(decode(statement), (found) =>
      Option.isSome(found)
        ? Effect.succeed(found.value)
        : Effect.die("A statement that must return a row returned none")
    )
}

/** The total number of items of a paged list. */
export const CountRow = Schema.Struct({ total: Schema.Int })
