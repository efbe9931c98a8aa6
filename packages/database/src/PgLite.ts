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

/** `dataDir` is kept from run to run; without one the database lives in memory. */
export interface PgLiteSettings {
  readonly dataDir?: string
  /** A dump to start from, instead of an empty cluster. */
  readonly loadDataDir?: Blob
}

/**
 * PostgreSQL itself, compiled into the process. It has one connection: statements take turns, and a transaction keeps it
 * from its BEGIN to its end, so that nothing else slips in between.
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

/** The same over a database that someone else opened and will close. */
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

const open = async ({ dataDir, loadDataDir }: PgLiteSettings) => {
  const parsers = PgLiteValues.parsers
  if (dataDir === undefined) return await PGlite.create({ ...(loadDataDir && { loadDataDir }), parsers })
  if (!existsSync(join(dataDir, "PG_VERSION"))) await begin(dataDir, loadDataDir)
  await makePrivate(dataDir)
  return await PGlite.create({ fs: new PrivateFiles(dataDir), parsers })
}

// Made beside its place and then moved there: what a killed process left of one half made might never open again.
const begin = async (dataDir: string, loadDataDir: Blob | undefined) => {
  const unfinished = `${dataDir}.new`
  await rm(unfinished, { recursive: true, force: true })
  // With its parents, which PGlite leaves to others.
  await mkdir(unfinished, { recursive: true, mode: 0o700 })
  const made = await PGlite.create({ fs: new PrivateFiles(unfinished), ...(loadDataDir && { loadDataDir }) })
  await made.close()
  await rename(unfinished, dataDir)
}

// A statement that has begun cannot be called back, so it is waited for: the connection is free when its turn is over.
const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: run, catch: (cause) => new SqlError.SqlError({ reason: reasonOf(cause, operation) }) })
  )

// A transaction in which a statement failed rolls back whatever it is told, and must not count as committed.
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

// By SQLSTATE (PostgreSQL, appendix A), as the PostgreSQL client judges.
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

// The first that fits.
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
