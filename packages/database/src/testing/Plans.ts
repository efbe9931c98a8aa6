import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Schema } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"
import { typeOf } from "../PgLiteValues.ts"

/** How PostgreSQL is going to run a statement. */
export interface Plan {
  readonly statement: string
  /** Made for any parameters, not for those it came with. */
  readonly isGeneric: boolean
  /** The tables and indexes of many rows that are read from end to end. */
  readonly scans: ReadonlyArray<string>
  /** As the planner counts, where a page read in order is 1. */
  readonly cost: number
}

/**
 * The plans of what really runs. The layer also replaces the `SqlClient` by one whose statements are noted: on that the
 * operations must stand.
 */
export class Plans extends Context.Service<
  Plans,
  {
    /**
     * Runs the operation, rolls back what it did and answers two plans of each of its statements: one made for its
     * parameters, and the one for any that PostgreSQL may change to when a statement comes again.
     */
    readonly of: <A, E>(
      operation: Effect.Effect<A, E>
    ) => Effect.Effect<ReadonlyArray<Plan>, E | SqlError.SqlError | Schema.SchemaError>
  }
>()("@user-service/database/testing/Plans") {
  static readonly layer: Layer.Layer<Plans | SqlClient.SqlClient, never, SqlClient.SqlClient> = Layer.effectContext(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let noted: Array<Statement> = []
      const noting = yield* SqlClient.make({
        acquirer: Effect.map(sql.reserve, (connection) => noteOn(connection, (statement) => noted.push(statement))),
        compiler: PgClient.makeCompiler(),
        driver: sql.driver,
        spanAttributes: []
      })
      const statementsOf = Effect.fnUntraced(function* <A, E>(operation: Effect.Effect<A, E>) {
        noted = []
        const whatever = Effect.flatMap(Effect.exit(operation), (exit) => Effect.fail(exit))
        const outcome = yield* Effect.flip(noting.withTransaction(whatever))
        yield* SqlError.isSqlError(outcome) ? Effect.fail(outcome) : outcome
        return noted
      })
      const of = Effect.fnUntraced(function* <A, E>(operation: Effect.Effect<A, E>) {
        const statements = yield* statementsOf(operation)
        const relations = yield* sql<{ name: string }>`
          select oid::regclass::text as name from pg_class where reltuples >= ${1000}`
        const large = new Set(relations.map((relation) => relation.name))
        return yield* Effect.forEach(statements, ({ parameters, text }) =>
          Effect.all([
            Effect.flatMap(explained(sql, text, parameters), (rows) => planOf(text, rows, large, false)),
            Effect.flatMap(explainedGenerically(sql, text, parameters), (rows) => planOf(text, rows, large, true))
          ])
        )
      })
      return Context.make(SqlClient.SqlClient, noting).pipe(
        Context.add(Plans, { of: (operation) => Effect.map(of(operation), (plans) => plans.flat()) })
      )
    })
  ).pipe(Layer.provide(Reactivity.layer))
}

interface Statement {
  readonly text: string
  readonly parameters: ReadonlyArray<unknown>
}

const noteOn = (
  connection: SqlConnection.Connection,
  note: (statement: Statement) => void
): SqlConnection.Connection => ({
  execute: (text, parameters, transformRows) => {
    note({ text, parameters })
    return connection.execute(text, parameters, transformRows)
  },
  executeRaw: (text, parameters) => connection.executeRaw(text, parameters),
  executeStream: (text, parameters, transformRows) => connection.executeStream(text, parameters, transformRows),
  executeValues: (text, parameters) => connection.executeValues(text, parameters),
  executeValuesUnprepared: (text, parameters) => connection.executeValuesUnprepared(text, parameters),
  executeUnprepared: (text, parameters, transformRows) => connection.executeUnprepared(text, parameters, transformRows)
})

const explained = (sql: SqlClient.SqlClient, text: string, parameters: ReadonlyArray<unknown>) =>
  sql.unsafe(`explain (format json) ${text}`, parameters)

// PostgreSQL 16 has a word for it, and 15 makes this detour.
const explainedGenerically = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  text: string,
  parameters: ReadonlyArray<unknown>
) {
  const types = yield* sql<{ name: string }>`
    select case when type = 0 then 'unknown' else type::regtype::text end as name
    from unnest(${parameters.map(typeOf)}::oid[]) with ordinality as parameter (type, position) order by position`
  const list = (items: ReadonlyArray<string>) => (items.length === 0 ? "" : `(${items.join(", ")})`)
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`set local plan_cache_mode = force_generic_plan`
      yield* sql.unsafe(`prepare generic ${list(types.map((type) => type.name))} as ${text}`)
      const rows = yield* sql.unsafe(`explain (format json) execute generic ${list(types.map(() => "null"))}`)
      yield* sql`deallocate generic`
      return rows
    })
  )
})

interface Node {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Index Cond"?: string
  readonly "Total Cost": number
  readonly Plans?: ReadonlyArray<Node>
}
const Node: Schema.Codec<Node> = Schema.Struct({
  "Node Type": Schema.String,
  "Relation Name": Schema.optionalKey(Schema.String),
  "Index Name": Schema.optionalKey(Schema.String),
  "Index Cond": Schema.optionalKey(Schema.String),
  "Total Cost": Schema.Finite,
  Plans: Schema.optionalKey(Schema.Array(Schema.suspend(() => Node)))
})

const decode = Schema.decodeUnknownEffect(
  Schema.Tuple([Schema.Struct({ "QUERY PLAN": Schema.Tuple([Schema.Struct({ Plan: Node })]) })])
)

const planOf = (text: string, rows: unknown, large: ReadonlySet<string>, isGeneric: boolean) =>
  Effect.map(
    decode(rows),
    ([
      {
        "QUERY PLAN": [{ Plan: root }]
      }
    ]): Plan => ({
      statement: text.replaceAll(/\s+/g, " ").trim(),
      isGeneric,
      scans: scansOf(root, large),
      cost: root["Total Cost"]
    })
  )

// An index without a condition is read from end to end too, but for a few rows off its end.
const scansOf = (node: Node, large: ReadonlySet<string>, isLimited = false): ReadonlyArray<string> => {
  const type = node["Node Type"]
  const relation = node["Index Name"] ?? node["Relation Name"] ?? ""
  const isWholeIndex = /^Index (Only )?Scan$/.test(type) && node["Index Cond"] === undefined && !isLimited
  const isWhole = (type === "Seq Scan" || isWholeIndex) && large.has(relation)
  return [
    ...(isWhole ? [`${type} on ${relation}`] : []),
    ...(node.Plans ?? []).flatMap((child) => scansOf(child, large, isLimited || type === "Limit"))
  ]
}
