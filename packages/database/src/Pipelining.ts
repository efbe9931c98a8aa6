import type { PgConnection } from "@effect/sql-pg"
import { Effect, Fiber, Option, Predicate, type Scope, Stream } from "effect"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"

/**
 * A client whose transactions pipeline their statements: `BEGIN` is sent together with the first statement, and a statement
 * that was passed to {@link pipelineStatement} together with the next one (decision 0012). The server still executes them one after
 * the other, and none after one that failed.
 */
export const withPipelining = <Client extends SqlClient.SqlClient>(
  client: Client,
  options: {
    /** Opens a session that accepts several statements before it answers the first. */
    readonly session: Effect.Effect<PgConnection.PgConnection, SqlError.SqlError, Scope.Scope>
    /** A statement that every transaction executes first. */
    readonly preparation: string | undefined
  }
): Client => {
  const { preparation, session } = options
  const execute = (connection: SqlConnection.Connection, statement: string) =>
    connection.executeUnprepared(statement, [], undefined)
  const pipelinedConnection = Effect.map(session, (session) => new PipelinedConnection(session))
  return Object.assign(client, {
    [dedicatedSession]: pipelinedConnection,
    withTransaction: SqlClient.makeWithTransaction<unknown, SqlConnection.Connection>({
      transactionService: client.transactionService,
      spanAttributes: [["db.system.name", "postgresql"]],
      acquireConnection: (restore) => restore(pipelinedConnection),
      begin: (connection, statement = "BEGIN") => {
        const begun = Effect.asVoid(send(connection, connection.execute(statement, [], undefined)))
        return preparation === undefined
          ? begun
          : Effect.andThen(begun, Effect.asVoid(send(connection, connection.execute(preparation, [], undefined))))
      },
      savepoint: (connection, id) => execute(connection, `SAVEPOINT s${id}`),
      releaseSavepoint: (connection, id) => execute(connection, `RELEASE SAVEPOINT s${id}`),
      rollbackSavepoint: (connection, id) => execute(connection, `ROLLBACK TO SAVEPOINT s${id}`),
      commit: (connection) =>
        // The server answers COMMIT by ROLLBACK where a statement before it failed.
        Effect.flatMap(connection.executeRaw("COMMIT", []), (result) =>
          isRolledBack(result) ? Effect.fail(rolledBack) : Effect.void
        ),
      rollback: (connection) =>
        connection instanceof PipelinedConnection ? connection.rollBack : connection.execute("ROLLBACK", [], undefined)
    })
  })
}

/**
 * Sends a statement of a transaction of `client` and does not wait for its answer, where the client can pipeline. The
 * resulting effect waits for the answer. If the statement fails, the next statement or the commit fails too.
 */
export const pipelineStatement = <A, R>(
  client: SqlClient.SqlClient,
  statement: Effect.Effect<A, SqlError.SqlError, R>
): Effect.Effect<Effect.Effect<A, SqlError.SqlError>, SqlError.SqlError, R> =>
  Effect.flatMap(Effect.serviceOption(client.transactionService), (transaction) =>
    Option.isSome(transaction) ? send(transaction.value[0], statement) : Effect.map(statement, Effect.succeed)
  )

/**
 * Runs a statement of `client` on a dedicated session of its session pool, if it has one, so that a statement that waits for a lock does
 * not block others on a shared connection. Interruptible only while it waits for a session.
 */
export const onDedicatedSession = <A, E, R>(
  client: SqlClient.SqlClient,
  statement: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  hasSessions(client)
    ? Effect.scoped(
        Effect.flatMap(Effect.interruptible(client[dedicatedSession]), (connection) =>
          Effect.uninterruptible(Effect.provideService(statement, client.transactionService, [connection, 0]))
        )
      )
    : statement

const dedicatedSession = Symbol("@user-service/database/Pipelining/dedicatedSession")

const hasSessions = (
  client: SqlClient.SqlClient
): client is SqlClient.SqlClient & {
  readonly [dedicatedSession]: Effect.Effect<SqlConnection.Connection, SqlError.SqlError, Scope.Scope>
} => dedicatedSession in client

const send = <A, R>(connection: SqlConnection.Connection, statement: Effect.Effect<A, SqlError.SqlError, R>) =>
  connection instanceof PipelinedConnection ? connection.send(statement) : Effect.map(statement, Effect.succeed)

const isRolledBack = (result: unknown): boolean =>
  Predicate.hasProperty(result, "command") && result.command === "ROLLBACK"

const rolledBack = new SqlError.SqlError({
  reason: new SqlError.UnknownError({
    cause: new Error("COMMIT rolled back a failed transaction"),
    message: "COMMIT rolled back a failed transaction",
    operation: "commit"
  })
})

/** A session while one transaction has it, which sends statements before the earlier ones are answered. */
class PipelinedConnection implements SqlConnection.Connection {
  private readonly session: PgConnection.PgConnection
  private sent = 0
  private unanswered: ReadonlyArray<Fiber.Fiber<unknown, SqlError.SqlError>> = []

  constructor(session: PgConnection.PgConnection) {
    this.session = session
  }

  /** Sends the statement. The resulting effect waits for the answer. */
  send<A, R>(
    statement: Effect.Effect<A, SqlError.SqlError, R>
  ): Effect.Effect<Effect.Effect<A, SqlError.SqlError>, never, R> {
    return Effect.suspend(() => {
      const before = this.sent
      return Effect.flatMap(Effect.forkChild(statement, { startImmediately: true }), (fiber) => {
        // A statement that was not sent immediately must be answered before the next one is sent, or they change places.
        if (this.sent === before) return Effect.as(Fiber.await(fiber), Fiber.join(fiber))
        this.unanswered = [...this.unanswered, fiber]
        return Effect.succeed(Fiber.join(fiber))
      })
    })
  }

  /** Rolls back, whatever became of the statements that were sent. */
  readonly rollBack: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => {
    this.unanswered = []
    return Effect.asVoid(this.session.query("ROLLBACK"))
  })

  // Answers arrive in order, so those of earlier statements are there before this one's. If one of them failed, that is why
  // this one failed, or why its answer must not be used.
  private run<A>(statement: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> {
    return Effect.suspend(() => {
      const before = this.unanswered
      this.unanswered = []
      this.sent++
      return before.length === 0
        ? statement
        : Effect.flatMap(Effect.exit(statement), (exit) => Effect.andThen(Fiber.joinAll(before), exit))
    })
  }

  private rows(
    sql: string,
    parameters: ReadonlyArray<unknown>,
    transform: Parameters<SqlConnection.Connection["execute"]>[2],
    prepare: boolean
  ) {
    return Effect.map(this.run(this.session.query(sql, parameters, prepare)), ({ rows }) =>
      transform === undefined ? rows : transform(rows)
    )
  }

  readonly execute: SqlConnection.Connection["execute"] = (sql, parameters, transform) =>
    this.rows(sql, parameters, transform, true)
  readonly executeUnprepared: SqlConnection.Connection["executeUnprepared"] = (sql, parameters, transform) =>
    this.rows(sql, parameters, transform, false)
  readonly executeRaw: SqlConnection.Connection["executeRaw"] = (sql, parameters) =>
    this.run(this.session.query(sql, parameters))
  readonly executeValues: SqlConnection.Connection["executeValues"] = (sql, parameters) =>
    this.run(this.session.queryValues(sql, parameters))
  readonly executeValuesUnprepared: SqlConnection.Connection["executeValuesUnprepared"] = (sql, parameters) =>
    this.run(this.session.queryValues(sql, parameters, false))
  readonly executeStream: SqlConnection.Connection["executeStream"] = (sql, parameters, transform) => {
    const rows = this.session.stream(sql, parameters)
    return transform === undefined ? rows : Stream.map(rows, (row) => transform([row])[0])
  }
}
