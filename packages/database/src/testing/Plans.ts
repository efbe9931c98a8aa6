import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Schema } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"
import { typeOf } from "../PgLiteValues.ts"

/** The query plan of a statement. */
export interface Plan {
  readonly statement: string
  /** Whether it is the generic plan, which does not depend on the parameters. */
  readonly isGeneric: boolean
  /** The full scans of large tables and indexes. */
  readonly scans: ReadonlyArray<string>
  /** The planner's estimate, in units of a sequential page read. */
  readonly cost: number
}

/**
 * The query plans of executed statements. The layer also replaces the `SqlClient` by one that records statements. The operations must
 * use this client.
 */
export class Plans extends Context.Service<
  Plans,
  {
    /**
     * Runs the operation, rolls it back, and returns two plans of each statement: the plan for its parameters and the generic
     * plan, which PostgreSQL may use for repeated statements. A `select set_config(...)` has none, and applies to later statements.
     */
    readonly of: <A, E>(
      operation: Effect.Effect<A, E>
    ) => Effect.Effect<ReadonlyArray<Plan>, E | SqlError.SqlError | Schema.SchemaError>
  }
>()("@user-service/database/testing/Plans") {
  static readonly layer: Layer.Layer<Plans | SqlClient.SqlClient, never, SqlClient.SqlClient> = Layer.effectContext(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let recorded: Array<Statement> = []
      const recordingClient = yield* SqlClient.make({
        acquirer: Effect.map(sql.reserve, (connection) =>
          withRecording(connection, (statement) => recorded.push(statement))
        ),
        compiler: PgClient.makeCompiler(),
        driver: sql.driver,
        spanAttributes: []
      })
      const statementsOf = Effect.fnUntraced(function* <A, E>(operation: Effect.Effect<A, E>) {
        recorded = []
        const failWithExit = Effect.flatMap(Effect.exit(operation), (exit) => Effect.fail(exit))
        const outcome = yield* Effect.flip(recordingClient.withTransaction(failWithExit))
        yield* SqlError.isSqlError(outcome) ? Effect.fail(outcome) : outcome
        return recorded
      })
      const of = Effect.fnUntraced(function* <A, E>(operation: Effect.Effect<A, E>) {
        const statements = yield* statementsOf(operation)
        const relations = yield* sql<{ name: string }>`
          select oid::regclass::text as name from pg_class where reltuples >= ${1000}`
        const large = new Set(relations.map((relation) => relation.name))
        const plansOf = Effect.fnUntraced(function* ({ parameters, text }: Statement) {
          if (isSetting(text)) return yield* Effect.as(sql.unsafe(text, parameters), [])
          return yield* Effect.all([
            Effect.flatMap(explain(sql, text, parameters), (rows) => planOf(text, rows, large, false)),
            Effect.flatMap(explainGenericPlan(sql, text, parameters), (rows) => planOf(text, rows, large, true))
          ])
        })
        // In a transaction, which ends the settings of the operation.
        return yield* sql.withTransaction(Effect.forEach(statements, plansOf))
      })
      return Context.make(SqlClient.SqlClient, recordingClient).pipe(
        Context.add(Plans, { of: (operation) => Effect.map(of(operation), (plans) => plans.flat()) })
      )
    })
  ).pipe(Layer.provide(Reactivity.layer))
}

// The plans of later statements depend on it.
const isSetting = (text: string): boolean => /^\s*select set_config\(/.test(text)

interface Statement {
  readonly text: string
  readonly parameters: ReadonlyArray<unknown>
}

const withRecording = (
  connection: SqlConnection.Connection,
  record: (statement: Statement) => void
): SqlConnection.Connection => ({
  execute: (text, parameters, transformRows) => {
    record({ text, parameters })
    return connection.execute(text, parameters, transformRows)
  },
  executeRaw: (text, parameters) => connection.executeRaw(text, parameters),
  executeStream: (text, parameters, transformRows) => connection.executeStream(text, parameters, transformRows),
  executeValues: (text, parameters) => connection.executeValues(text, parameters),
  executeValuesUnprepared: (text, parameters) => connection.executeValuesUnprepared(text, parameters),
  executeUnprepared: (text, parameters, transformRows) => connection.executeUnprepared(text, parameters, transformRows)
})

const explain = (sql: SqlClient.SqlClient, text: string, parameters: ReadonlyArray<unknown>) =>
  sql.unsafe(`explain (format json) ${text}`, parameters)

// PostgreSQL 16 has `explain (generic_plan)`. PostgreSQL 15 needs a prepared statement.
const explainGenericPlan = Effect.fnUntraced(function* (
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

// An index scan without a condition is a full scan too, except under a LIMIT.
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
