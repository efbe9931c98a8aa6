import * as Backoff from "@user-service/domain/Backoff"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, Duration, Effect, Fiber, Layer, Metric, Option } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { OpenSessions } from "./OpenSessions.ts"
import { onDedicatedSession, pipelineStatement } from "./Pipelining.ts"
import * as Usability from "./Usability.ts"
import { sqlStateOf, unavailable } from "./Usability.ts"

/**
 * Runs statements with deadlines, and retries write conflicts. A failure of the database becomes a reason that the caller handles
 * (see {@link onUniqueViolation}), `ServiceUnavailable`, or a defect. No operation takes longer than its deadline, whatever the
 * server does.
 */
export class Storage extends Context.Service<
  Storage,
  {
    /** Runs a read. A read that fails for a transient reason is retried. */
    readonly read: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /** Runs one writing statement as its own transaction. Never retried, because the server may have executed it. */
    readonly write: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Runs one writing statement that may wait for row locks, then the effect that depends on its answer. Once the statement
     * is sent, both run to their end, even if the caller is interrupted. The statement is retried after a write conflict: the
     * server rolled it back because of another transaction (40P01, 40001).
     */
    readonly lockingWrite: <A, E, R, R2>(
      effect: Effect.Effect<A, E, R>,
      then: (answer: A) => Effect.Effect<void, never, R2>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R | R2>
    /**
     * Runs the effect in a transaction, and retries it after a write conflict (40P01, 40001), so the effect may run several times.
     * When an interruption has completed, the transaction has been rolled back, provided the server answers in time.
     */
    readonly transaction: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Sends a statement of a transaction without waiting for its answer, where the engine can pipeline. The resulting effect
     * waits for the answer. If the statement fails, the next statement or the transaction fails too.
     */
    readonly pipeline: <A, R>(
      statement: Effect.Effect<A, SqlError.SqlError, R>
    ) => Effect.Effect<Effect.Effect<A, SqlError.SqlError>, SqlError.SqlError, R>
    /** How long the server takes to answer. Fails after a second. */
    readonly ping: Effect.Effect<Duration.Duration, ServiceUnavailable>
    /**
     * As `ping`, by a statement on a table of the service. Fails also where the server answers but refuses the statement, for
     * example without the schema or without rights to it. Logs the reason once.
     */
    readonly probe: Effect.Effect<Duration.Duration, ServiceUnavailable>
  }
>()("@user-service/database/Storage") {
  static readonly layer: Layer.Layer<Storage, never, SqlClient.SqlClient> = Layer.effect(
    Storage,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const usability = Usability.make()
      const leave = Option.match(yield* Effect.serviceOption(OpenSessions), {
        onNone: () => Effect.void,
        onSome: (sessions) => sessions.leave
      })
      const classifyFailure = classifyFailureWith((error) =>
        isReadOnly(error) ? leave : isTransient(error) ? Effect.void : usability.note(error)
      )
      return {
        read: (effect) =>
          effect.pipe(
            Effect.retry({ while: isTransient, schedule: backoff, times: 2 }),
            withDeadline(readDeadline),
            classifyFailure,
            inProgress.read
          ),
        write: (effect) => effect.pipe(withDeadline(readDeadline), classifyFailure, inProgress.write),
        lockingWrite: (effect, then) =>
          onDedicatedSession(sql, effect).pipe(
            retryWriteConflicts,
            Effect.tap(then),
            Effect.uninterruptible,
            inDetachedFiber(transactionDeadline),
            classifyFailure,
            inProgress.statement
          ),
        transaction: (effect) =>
          transactionOn(sql, effect).pipe(
            inDetachedFiber(transactionDeadline),
            classifyFailure,
            inProgress.transaction
          ),
        pipeline: (statement) => pipelineStatement(sql, statement),
        ping: timeWithinASecond(sql`select 1`).pipe(
          Effect.catchIf(SqlError.isSqlError, () => Effect.fail(unavailable))
        ),
        probe: usability.probe(timeWithinASecond(sql`select 1 from users where false`))
      }
    })
  )
}

/** Fails with `onViolation` if one of the unique constraints is violated. */
export const onUniqueViolation =
  <F>(constraints: string | ReadonlyArray<string>, onViolation: () => F) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | F, R> =>
    Effect.catchIf(
      effect,
      (error) =>
        SqlError.isSqlError(error) &&
        error.reason._tag === "UniqueViolation" &&
        Array.ensure(constraints).includes(error.reason.constraint),
      () => Effect.fail(onViolation())
    )

const operationsInProgress = Metric.gauge("database_operations_in_progress", {
  description:
    "Operations that hold a connection or wait for one; a transaction or a statement holds one alone, to its end"
})

const withOperationGauge = (operation: string) => {
  const metric = Metric.withAttributes(operationsInProgress, { operation })
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Metric.modify(metric, 1),
      () => effect,
      () => Metric.modify(metric, -1)
    )
}
const inProgress = {
  read: withOperationGauge("read"),
  write: withOperationGauge("write"),
  statement: withOperationGauge("statement"),
  transaction: withOperationGauge("transaction")
}

const readDeadline = Duration.seconds(3)
const transactionDeadline = Duration.seconds(5)

// Ten retries take longer than the deadline of a transaction.
const backoff = Backoff.schedule({ initial: "10 millis", cap: transactionDeadline })

// read_only_sql_transaction: the server is or became a replica, and its statements cannot have been executed. All its sessions are
// useless, and its reads may be old.
const isReadOnly = (error: unknown): boolean => SqlError.isSqlError(error) && sqlStateOf(error) === "25006"

// The server is shutting down or starting (57P01 to 57P03), is out of resources (class 53), or is read-only (25006) during a
// failover. Or it refuses logins while an operator has closed (55000) or renamed (3D000) the database, for example to restore it.
// All of these end by themselves or by the operator.
const isOutage = (error: SqlError.SqlError): boolean =>
  /^(57P0[123]|53|25006)/.test(sqlStateOf(error)) ||
  (error.reason.operation === "connect" && /^(55000|3D000)$/.test(sqlStateOf(error)))

const isTransient = (error: unknown): error is SqlError.SqlError =>
  SqlError.isSqlError(error) && (error.isRetryable || isOutage(error))

const isWriteConflict = (error: unknown): boolean =>
  SqlError.isSqlError(error) && (error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError")

// Repeats what the server rolled back because of another transaction (40P01, 40001).
const retryWriteConflicts = <A, E, R>(transaction: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(transaction, { while: isWriteConflict, schedule: backoff, times: 10 })

/**
 * Runs the effect in a transaction of this client, without a deadline. Repeats it at most ten times if the server rolled it back
 * because of another transaction (40P01, 40001). A lost connection is a `SqlError`.
 */
export const transactionOn = <A, E, R>(
  sql: SqlClient.SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  sql.withTransaction(effect).pipe(Effect.catchDefect(asFailure), retryWriteConflicts)

// On a lost connection the rollback fails too, which is reported as a defect.
const asFailure = (defect: unknown): Effect.Effect<never, SqlError.SqlError> =>
  isTransient(defect) ? Effect.fail(defect) : Effect.die(defect)

const withDeadline =
  (deadline: Duration.Duration) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.timeoutOrElse(effect, { duration: deadline, orElse: () => Effect.fail(unavailable) })

// A transaction cannot be interrupted while it waits for the answer to BEGIN, COMMIT or ROLLBACK, nor can an uninterruptible
// statement. So it runs in a detached fiber. At the deadline that fiber is interrupted without waiting for its end.
const inDetachedFiber =
  (deadline: Duration.Duration) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) =>
        restore(joinWithDeadline(fiber, deadline)).pipe(
          Effect.onInterrupt(() => Effect.timeoutOption(Fiber.interrupt(fiber), deadline))
        )
      )
    )

// `Fiber.join` with a deadline. Not `Effect.timeout`, whose fibers cost every write 3 µs.
const joinWithDeadline = <A, E>(fiber: Fiber.Fiber<A, E>, deadline: Duration.Duration) => {
  const abandon = Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true })
  return Effect.callback<A, E | ServiceUnavailable>((resume) => {
    const timer = setTimeout(
      () => resume(Effect.andThen(abandon, Effect.fail(unavailable))),
      Duration.toMillis(deadline)
    )
    const forget = fiber.addObserver((exit) => {
      clearTimeout(timer)
      resume(exit)
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      forget()
    })
  })
}

const timeWithinASecond = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.timed,
    Effect.map(([elapsed]) => elapsed),
    withDeadline(Duration.seconds(1))
  )

const classifyFailureWith =
  (note: (error: unknown) => Effect.Effect<void>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R> =>
    Effect.catch(effect, (error): Effect.Effect<never, Exclude<E, SqlError.SqlError> | ServiceUnavailable> => {
      if (isNotSqlError(error)) return Effect.fail(error)
      return Effect.andThen(note(error), isTransient(error) ? Effect.fail(unavailable) : Effect.die(error))
    })

const isNotSqlError = <E>(error: E): error is Exclude<E, SqlError.SqlError> => !SqlError.isSqlError(error)
