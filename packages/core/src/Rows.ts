import { Effect, Option, Schema } from "effect"
import type { SqlError } from "effect/sql"

/** What a repository answers: the decoded result of a statement, or the reason why PostgreSQL refused the statement. */
export type Query<A> = Effect.Effect<A, SqlError.SqlError>

type Decoder<A> = (answer: unknown) => Effect.Effect<ReadonlyArray<A>, Schema.SchemaError>

// A decoder takes far longer to make than to run, and statements are written where they are run.
const decoders = new WeakMap<Schema.Top, Decoder<unknown>>()

const decoderOf = <A, I>(row: Schema.Codec<A, I>): Decoder<A> => {
  const known = decoders.get(row) as Decoder<A> | undefined
  if (known !== undefined) return known
  const made = Schema.decodeUnknownEffect(Schema.Array(row))
  decoders.set(row, made)
  return made
}

/**
 * Decodes what a statement answers. A row that is not what its schema says is a defect of ours, never the caller's
 * fault, so it dies; what PostgreSQL refuses stays a `SqlError` for the transaction or the service to judge.
 */
export const rows = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = decoderOf(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
    Effect.flatMap(statement, (answer) => Effect.orDie(decode(answer)))
}

/** {@link rows} of a statement that answers one row or none. */
export const firstRow = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = rows(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
    Effect.map(decode(statement), (found) => Option.fromNullishOr(found[0]))
}

/** {@link rows} of a statement that always answers one row; none is a defect. */
export const onlyRow = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = firstRow(row)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(decode(statement), (found) =>
      Option.isSome(found)
        ? Effect.succeed(found.value)
        : Effect.die("A statement that must answer a row answered none")
    )
}

/** How many there are in all, beside one page of them. */
export const CountRow = Schema.Struct({ total: Schema.Int })
