import * as Backoff from "@user-service/domain/Backoff"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, Duration, Effect, Fiber, Layer, Metric } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { onDedicatedSession, pipelineStatement } from "./Pipelining.ts"
import * as Usability from "./Usability.ts"
import { sqlStateOf, unavailable } from "./Usability.ts"

/**
 * How statements are run so that a failure of the database has one of three ends: a reason the caller acts on (see
 * {@link onUniqueViolation}), `ServiceUnavailable`, or a defect. Nothing outlives its deadline, whatever the server does.
 */
export class Storage extends Context.Service<
  Storage,
  {
    /** Runs a read. A read that fails for a passing reason is retried. */
    readonly read: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /** Runs one writing statement, which is its own transaction. It is never retried, as the server may have executed it. */
    readonly write: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Runs one writing statement that may wait for row locks, then the effect that depends on its answer. Once the statement
     * is sent, both run to their end, even if the caller is interrupted. A statement that the server rolled back because of
     * another transaction (40P01, 40001) is retried.
     */
    readonly lockingWrite: <A, E, R, R2>(
      effect: Effect.Effect<A, E, R>,
      then: (answer: A) => Effect.Effect<void, never, R2>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R | R2>
    /**
     * Runs the effect in a transaction. A transaction that the server rolled back because of another one (40P01, 40001) is
     * retried, so the effect may run several times. When an interruption has completed, the transaction has been rolled back,
     * provided the server answers in time.
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
      const settled = settling(usability.note)
      return {
        read: (effect) =>
          effect.pipe(
            Effect.retry({ while: isPassing, schedule: backoff, times: 2 }),
            within(readDeadline),
            settled,
            inProgress.read
          ),
        write: (effect) => effect.pipe(within(readDeadline), settled, inProgress.write),
        lockingWrite: (effect, then) =>
          onDedicatedSession(sql, effect).pipe(
            Effect.retry({ while: isRolledBack, schedule: backoff, times: 10 }),
            Effect.tap(then),
            Effect.uninterruptible,
            onDedicatedSessionWithin(transactionDeadline),
            settled,
            inProgress.statement
          ),
        transaction: (effect) =>
          sql
            .withTransaction(effect)
            .pipe(
              Effect.catchDefect(asFailure),
              Effect.retry({ while: isRolledBack, schedule: backoff, times: 10 }),
              onDedicatedSessionWithin(transactionDeadline),
              settled,
              inProgress.transaction
            ),
        pipeline: (statement) => pipelineStatement(sql, statement),
        ping: timedWithinASecond(sql`select 1`).pipe(
          Effect.catchIf(SqlError.isSqlError, () => Effect.fail(unavailable))
        ),
        probe: usability.probe(timedWithinASecond(sql`select 1 from users where false`))
      }
    })
  )
}

/** Turns the violation of a constraint, or of any of several, into the fact it stands for. */
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

const active = Metric.gauge("database_operations_in_progress", {
  description:
    "Operations that hold a connection or wait for one; a transaction or a statement holds one alone, to its end"
})

const counted = (operation: string) => {
  const metric = Metric.withAttributes(active, { operation })
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Metric.modify(metric, 1),
      () => effect,
      () => Metric.modify(metric, -1)
    )
}
const inProgress = {
  read: counted("read"),
  write: counted("write"),
  statement: counted("statement"),
  transaction: counted("transaction")
}

const readDeadline = Duration.seconds(3)
const transactionDeadline = Duration.seconds(5)

// Ten retries last longer than a transaction may.
const backoff = Backoff.schedule({ initial: "10 millis", cap: transactionDeadline })

// The server is going down, coming up (57P01 to 57P03), has no more room (class 53), or only reads (25006), as one that
// another is to take over from or that has yet to take over: it will be back.
const isOutage = (error: SqlError.SqlError): boolean => /^(57P0[123]|53|25006)/.test(sqlStateOf(error))

const isPassing = (error: unknown): error is SqlError.SqlError =>
  SqlError.isSqlError(error) && (error.isRetryable || isOutage(error))

const isRolledBack = (error: unknown): boolean =>
  SqlError.isSqlError(error) && (error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError")

// On a connection that is lost the rollback fails too, and that comes as a defect.
const asFailure = (defect: unknown): Effect.Effect<never, SqlError.SqlError> =>
  isPassing(defect) ? Effect.fail(defect) : Effect.die(defect)

const within =
  (deadline: Duration.Duration) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.timeoutOrElse(effect, { duration: deadline, orElse: () => Effect.fail(unavailable) })

// A transaction does not let go while the server owes it an answer to BEGIN, COMMIT or ROLLBACK, nor does a statement that
// is to be carried through. So it runs in a fiber of its own, which past the deadline is told to end and left to it.
const onDedicatedSessionWithin =
  (deadline: Duration.Duration) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) =>
        restore(endOf(fiber, deadline)).pipe(
          Effect.onInterrupt(() => Effect.timeoutOption(Fiber.interrupt(fiber), deadline))
        )
      )
    )

// As `Fiber.join` within the deadline. The timer is not of Effect's clock, since the fibers of `Effect.timeout` cost every
// change 3 µs more.
const endOf = <A, E>(fiber: Fiber.Fiber<A, E>, deadline: Duration.Duration) => {
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

const timedWithinASecond = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.timed,
    Effect.map(([elapsed]) => elapsed),
    within(Duration.seconds(1))
  )

const settling =
  (note: (error: unknown) => Effect.Effect<void>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R> =>
    Effect.catch(effect, (error): Effect.Effect<never, Exclude<E, SqlError.SqlError> | ServiceUnavailable> => {
      if (isSettled(error)) return Effect.fail(error)
      return isPassing(error) ? Effect.fail(unavailable) : Effect.andThen(note(error), Effect.die(error))
    })

const isSettled = <E>(error: E): error is Exclude<E, SqlError.SqlError> => !SqlError.isSqlError(error)
