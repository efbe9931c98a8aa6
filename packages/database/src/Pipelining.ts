import type { PgConnection } from "@effect/sql-pg"
import { Effect, Fiber, Option, Predicate, type Scope, Stream } from "effect"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"

/**
 * A client whose transactions send their next statement before the last one is answered, where its answer is not needed
 * for that: `BEGIN` goes out with the first, and what is {@link sentAhead} with the one after it. The server does one after
 * the other all the same, and after one that failed none.
 */
export const withPipelining = <Client extends SqlClient.SqlClient>(
  client: Client,
  options: {
    /** Opens a session that takes several statements at once. */
    readonly session: Effect.Effect<PgConnection.PgConnection, SqlError.SqlError, Scope.Scope>
    /** A statement that each transaction begins with. */
    readonly preparation: string | undefined
  }
): Client => {
  const { preparation, session } = options
  const execute = (connection: SqlConnection.Connection, statement: string) =>
    connection.executeUnprepared(statement, [], undefined)
  const lent = Effect.map(session, (session) => new Lent(session))
  return Object.assign(client, {
    [ofItsOwn]: lent,
    withTransaction: SqlClient.makeWithTransaction<unknown, SqlConnection.Connection>({
      transactionService: client.transactionService,
      spanAttributes: [["db.system.name", "postgresql"]],
      acquireConnection: (restore) => restore(lent),
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
        connection instanceof Lent ? connection.rollBack : connection.execute("ROLLBACK", [], undefined)
    })
  })
}

/**
 * Sends a statement of a transaction of `client` and goes on to the next without its answer, where the client can; the
 * effect that comes of it waits for the answer. A failure comes out of the next statement too, or of the commit.
 */
export const sentAhead = <A, R>(
  client: SqlClient.SqlClient,
  statement: Effect.Effect<A, SqlError.SqlError, R>
): Effect.Effect<Effect.Effect<A, SqlError.SqlError>, SqlError.SqlError, R> =>
  Effect.flatMap(Effect.serviceOption(client.transactionService), (transaction) =>
    Option.isSome(transaction) ? send(transaction.value[0], statement) : Effect.map(statement, Effect.succeed)
  )

/**
 * Runs a statement of `client` on a session that it has to itself, where the client has those: one that waits for a lock
 * then holds up no other. Interruptible only while it waits for the session.
 */
export const apart = <A, E, R>(
  client: SqlClient.SqlClient,
  statement: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  hasSessions(client)
    ? Effect.scoped(
        Effect.flatMap(Effect.interruptible(client[ofItsOwn]), (connection) =>
          Effect.uninterruptible(Effect.provideService(statement, client.transactionService, [connection, 0]))
        )
      )
    : statement

const ofItsOwn = Symbol("@user-service/database/Pipelining/ofItsOwn")

const hasSessions = (
  client: SqlClient.SqlClient
): client is SqlClient.SqlClient & {
  readonly [ofItsOwn]: Effect.Effect<SqlConnection.Connection, SqlError.SqlError, Scope.Scope>
} => ofItsOwn in client

const send = <A, R>(connection: SqlConnection.Connection, statement: Effect.Effect<A, SqlError.SqlError, R>) =>
  connection instanceof Lent ? connection.send(statement) : Effect.map(statement, Effect.succeed)

const isRolledBack = (result: unknown): boolean =>
  Predicate.hasProperty(result, "command") && result.command === "ROLLBACK"

const rolledBack = new SqlError.SqlError({
  reason: new SqlError.UnknownError({
    cause: new Error("COMMIT rolled back a failed transaction"),
    message: "COMMIT rolled back a failed transaction",
    operation: "commit"
  })
})

/** A session lent to one transaction. */
class Lent implements SqlConnection.Connection {
  private readonly session: PgConnection.PgConnection
  private sent = 0
  private unanswered: ReadonlyArray<Fiber.Fiber<unknown, SqlError.SqlError>> = []

  constructor(session: PgConnection.PgConnection) {
    this.session = session
  }

  /** Sends the statement; the effect that comes of it waits for the answer. */
  send<A, R>(
    statement: Effect.Effect<A, SqlError.SqlError, R>
  ): Effect.Effect<Effect.Effect<A, SqlError.SqlError>, never, R> {
    return Effect.suspend(() => {
      const before = this.sent
      return Effect.flatMap(Effect.forkChild(statement, { startImmediately: true }), (fiber) => {
        // What has not gone out at once must not go out after what comes next.
        if (this.sent === before) return Effect.as(Fiber.await(fiber), Fiber.join(fiber))
        this.unanswered = [...this.unanswered, fiber]
        return Effect.succeed(Fiber.join(fiber))
      })
    })
  }

  /** Whatever became of what was sent. */
  readonly rollBack: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => {
    this.unanswered = []
    return Effect.asVoid(this.session.query("ROLLBACK"))
  })

  // Answers come in order, so those that are still awaited are there before this one's; a failure among them is why
  // this one failed, or may not stand.
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
