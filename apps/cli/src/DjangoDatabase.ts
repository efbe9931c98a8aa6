import { type ColumnNames, djangoColumns, type DjangoTable } from "@user-service/core/imports/DjangoColumns"
import type { DjangoRow, DjangoUser } from "@user-service/core/imports/DjangoUser"
import type { PostgresAddress } from "@user-service/database/PostgresAddress"
import { connectTo } from "@user-service/database/Postgres"
import { connectionProblem } from "@user-service/domain/EngineUnusable"
import { messageOf } from "@user-service/runtime/Failure"
import { Array, Effect, Schema, Stream } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

// The users of the Django service's database, as JSON from one statement (decision 0033).

/** The database is not that of the Django service. */
export class NotDjangoDatabase extends Schema.TaggedError<NotDjangoDatabase>()("NotDjangoDatabase", {
  /** What it lacks. */
  lack: Schema.String
}) {
  override get message() {
    return `The database to import is not that of the Django service: ${this.lack}`
  }
}

/** The database refuses the connection or a statement, or the connection broke. */
export class SourceUnreadable extends Schema.TaggedError<SourceUnreadable>()("SourceUnreadable", {
  problem: Schema.String
}) {
  override get message() {
    return `The database of the Django service cannot be read: ${this.problem}`
  }
}

const unreadable = (error: SqlError.SqlError) =>
  new SourceUnreadable({ problem: connectionProblem(error.reason.cause) ?? messageOf(error) })

interface Row {
  readonly user: DjangoRow
  readonly profiles: ReadonlyArray<DjangoRow> | null
  readonly preferences: ReadonlyArray<DjangoRow> | null
  readonly push_tokens: ReadonlyArray<DjangoRow> | null
}

/** The users of a database of the Django service, which is only read. */
export interface DjangoDatabase {
  readonly count: number
  /** The optional columns that this deployment lacks: `users.phone_number`. */
  readonly absentColumns: ReadonlyArray<string>
  /** All users of one snapshot, those with the latest login first: of two accounts with one mailbox the used one is imported. */
  readonly users: Stream.Stream<DjangoUser, SourceUnreadable>
}

const Names = Schema.Array(Schema.Struct({ name: Schema.String }))
const decodeNames = Schema.decodeUnknownEffect(Names)

const Count = Schema.Struct({ count: Schema.Int })
const decodeCount = Schema.decodeUnknownEffect(Schema.Tuple([Count]))

// The columns of the table to read, and the optional ones that it lacks.
const columnsOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, table: DjangoTable) {
  const rows = yield* sql`
    select attname::text as name from pg_attribute
    where attrelid = to_regclass(${table}) and attnum > 0 and not attisdropped`
  const found = new Set((yield* Effect.orDie(decodeNames(rows))).map(({ name }) => name))
  if (found.size === 0) return yield* new NotDjangoDatabase({ lack: `it has no table ${table}` })
  const { optional, required } = djangoColumns[table]
  const lacking = (columns: ReadonlyArray<ColumnNames>) =>
    columns.filter((names) => !names.some((name) => found.has(name))).map((names) => names.join(" or "))
  const missing = lacking(required)
  if (missing.length > 0) {
    return yield* new NotDjangoDatabase({ lack: `its table ${table} has no column ${missing.join(", ")}` })
  }
  return {
    names: [...required, ...optional].flat().filter((name) => found.has(name)),
    absent: lacking(optional).map((names) => `${table}.${names}`)
  }
})

/** Connects to the database until the scope closes. */
export const connect = Effect.fnUntraced(
  function* (address: PostgresAddress) {
    const sql = yield* connectTo(address)
    // The statement that reads the users takes as long as the import, so the deadlines of a role must not apply.
    yield* sql`set statement_timeout = 0`
    yield* sql`set default_transaction_read_only = on`
    const users = yield* columnsOf(sql, "users")
    const profiles = yield* columnsOf(sql, "user_profiles")
    const preferences = yield* columnsOf(sql, "notification_preferences")
    const pushTokens = yield* columnsOf(sql, "push_tokens")
    const [{ count }] = yield* Effect.orDie(decodeCount(yield* sql`select count(*)::int as count from users`))

    const list = ({ names }: typeof users) => sql.literal(names.join(", "))
    const rowsPerUser = (table: DjangoTable, columns: typeof users) => sql`
      (select user_id, json_agg(to_json(r)) as rows from (select ${list(columns)} from ${sql.literal(table)}) r group by user_id)`
    const latestFirst = sql.literal(users.names.includes("last_login") ? "u.last_login desc nulls last, u.id" : "u.id")
    // As JSON, because the columns of deployments differ. One statement, so that all rows of a user are of one moment.
    const rows = sql<Row>`
      select to_json(u) as user, p.rows as profiles, n.rows as preferences, t.rows as push_tokens
      from (select ${list(users)} from users) u
      left join ${rowsPerUser("user_profiles", profiles)} p on p.user_id = u.id
      left join ${rowsPerUser("notification_preferences", preferences)} n on n.user_id = u.id
      left join ${rowsPerUser("push_tokens", pushTokens)} t on t.user_id = u.id
      order by ${latestFirst}`
    return {
      count,
      absentColumns: Array.flatMap([users, profiles, preferences, pushTokens], ({ absent }) => absent),
      users: rows.stream.pipe(
        Stream.map((row): DjangoUser => ({
          user: row.user,
          profiles: row.profiles ?? [],
          preferences: row.preferences ?? [],
          pushTokens: row.push_tokens ?? []
        })),
        Stream.mapError(unreadable)
      )
    } satisfies DjangoDatabase
  },
  Effect.catchTag("SqlError", (error) => Effect.fail(unreadable(error)))
)
