// PGlite as the embedded database (decision 0002).
import { PGlite } from "@electric-sql/pglite"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Predicate, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"
import { existsSync } from "node:fs"
import { mkdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { EmbeddedNotices } from "./EmbeddedNotices.ts"
import * as PgLiteValues from "./PgLiteValues.ts"
import { makePrivate, PrivateFiles } from "./PrivateFiles.ts"

export interface PgLiteSettings {
  /** The folder of the database. In memory when absent. */
  readonly dataDir?: string
  /** A dump to start from, instead of an empty cluster. */
  readonly loadDataDir?: Blob
}

/**
 * PostgreSQL embedded in the process, with a single connection. Statements run one after the other, and a transaction has the
 * connection exclusively until it ends.
 */
export const layer = (
  settings: PgLiteSettings
): Layer.Layer<SqlClient.SqlClient | EmbeddedNotices, SqlError.SqlError> =>
  Layer.unwrap(
    Effect.map(
      Effect.acquireRelease(
        attempt("connect", () => open(settings)),
        (opened) => Effect.orDie(attempt("close", () => opened.close()))
      ),
      layerOver
    )
  )

/** As `layer` over a database that the caller opens and closes. */
export const layerOver = (database: PGlite): Layer.Layer<SqlClient.SqlClient | EmbeddedNotices> =>
  Layer.merge(layerClient(database), layerNotices(database))

const layerNotices = (database: PGlite) =>
  Layer.succeed(EmbeddedNotices, {
    subscribe: (channel, onNotice) =>
      Effect.acquireRelease(
        Effect.sync(() => database.onNotification((name) => (name === channel ? onNotice() : undefined))),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
  })

const layerClient = (database: PGlite): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.flatMap(Semaphore.make(1), (semaphore) =>
      SqlClient.make({
        ...SqlClient.makeSqliteAcquirers({ connection: Effect.succeed(makeConnection(database)), semaphore }),
        compiler: PgClient.makeCompiler(),
        commit: () => commit(database),
        releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
        driver: "pglite",
        spanAttributes: [["db.system.name", "postgresql"]]
      })
    )
  ).pipe(Layer.provide(Reactivity.layer))

// PostgreSQL's default of 128 MB takes 150 ms to initialise, and an embedded database is a trial with few rows.
const startParams = [...PGlite.defaultStartParams, "-c", "shared_buffers=16MB"]

const open = async ({ dataDir, loadDataDir }: PgLiteSettings) => {
  const options = { parsers: PgLiteValues.parsers, startParams }
  if (dataDir === undefined) return await PGlite.create({ ...(loadDataDir && { loadDataDir }), ...options })
  if (!existsSync(join(dataDir, "PG_VERSION"))) await create(dataDir, loadDataDir)
  await makePrivate(dataDir)
  return await PGlite.create({ fs: new PrivateFiles(dataDir), ...options })
}

// Creates the database in a temporary folder and renames it, because an unfinished database of a killed process might never open.
const create = async (dataDir: string, loadDataDir: Blob | undefined) => {
  const temporary = `${dataDir}.new`
  await rm(temporary, { recursive: true, force: true })
  // PGlite does not create the parent folders.
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  const database = await PGlite.create({
    fs: new PrivateFiles(temporary),
    ...(loadDataDir && { loadDataDir }),
    startParams
  })
  await database.close()
  await rename(temporary, dataDir)
}

// Uninterruptible: a running statement cannot be cancelled, and the connection is not free before it ends.
const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: run, catch: (cause) => new SqlError.SqlError({ reason: reasonOf(cause, operation) }) })
  )

// COMMIT rolls back a transaction with a failed statement. It must then fail.
const commit = (database: PGlite): Effect.Effect<void, SqlError.SqlError> =>
  attempt("commit", async () => {
    const { command } = await database.query("COMMIT")
    if (command !== "COMMIT") throw new Error("COMMIT rolled back an aborted transaction")
  })

const makeConnection = (database: PGlite): SqlConnection.Connection => {
  const run = <Row>(sql: string, params: ReadonlyArray<unknown>, rowMode: "object" | "array") =>
    attempt("execute", () =>
      database.query<Row>(sql, [...params], { rowMode, paramTypes: params.map(PgLiteValues.typeOf) })
    )

  const execute: SqlConnection.Connection["execute"] = (sql, params, transformRows) =>
    Effect.map(run<object>(sql, params, "object"), ({ rows }) =>
      transformRows === undefined ? rows : transformRows(rows)
    )
  const executeValues: SqlConnection.Connection["executeValues"] = (sql, params) =>
    Effect.map(run<ReadonlyArray<unknown>>(sql, params, "array"), ({ rows }) => rows)

  return {
    execute,
    executeRaw: (sql, params) => run(sql, params, "object"),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeUnprepared: execute,
    executeStream: (sql, params, transformRows) =>
      Stream.unwrap(Effect.map(execute(sql, params, transformRows), Stream.fromIterable))
  }
}

const textOf = (cause: unknown, key: "code" | "constraint"): string =>
  Predicate.hasProperty(cause, key) && typeof cause[key] === "string" ? cause[key] : ""

// Maps the SQLSTATE (PostgreSQL, appendix A) as the PostgreSQL client does.
const reasonOf = (cause: unknown, operation: string): SqlError.SqlErrorReason => {
  const code = textOf(cause, "code")
  const message = Predicate.isError(cause) ? cause.message : "The embedded database failed"
  const fields = { cause, message, operation }
  if (code === "23505") {
    return new SqlError.UniqueViolation({ ...fields, constraint: textOf(cause, "constraint") || "unknown" })
  }
  const Reason = reasons.find(([prefix]) => code.startsWith(prefix))?.[1] ?? SqlError.UnknownError
  return new Reason(fields)
}

// By prefix of the SQLSTATE. The first match counts.
const reasons = [
  ["08", SqlError.ConnectionError],
  ["23", SqlError.ConstraintError],
  ["28", SqlError.AuthenticationError],
  ["40001", SqlError.SerializationError],
  ["40P01", SqlError.DeadlockError],
  ["42501", SqlError.AuthorizationError],
  ["42", SqlError.SqlSyntaxError],
  ["55P03", SqlError.LockTimeoutError],
  ["57014", SqlError.StatementTimeoutError]
] as const
