import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Clock, type Duration, Effect, Predicate } from "effect"
import { SqlError } from "effect/sql"

/** The database is unreachable or unusable. */
export const unavailable = new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })

/** The SQLSTATE of the server's error. Empty if the error is not from the server. */
export const sqlStateOf = (error: SqlError.SqlError): string => {
  const cause = error.reason.cause
  return Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""
}

const messageOf = (error: SqlError.SqlError): string => {
  const cause = error.reason.cause
  const message = Predicate.isError(cause) ? cause.message : error.reason.message
  const state = sqlStateOf(error)
  return state === "" ? message : `${message} (${state})`
}

// The SQLSTATEs of a statement whose prepared form is unknown to its session, or whose transaction began with one. No user input
// can cause them.
const lostStates = new Set(["26000", "42P05", "25P02"])
const lostMillis = 30_000

/** Tracks whether the statements of the service work. */
export const make = () => {
  let lostUntil = 0
  let reported: string | undefined

  const report = (problem: string) =>
    Effect.suspend(() => {
      if (problem === reported) return Effect.void
      reported = problem
      return Effect.logError(`The database answers, but cannot be used: ${problem}`)
    })

  return {
    /** Records the failure of a statement. */
    note: (error: unknown): Effect.Effect<void> =>
      SqlError.isSqlError(error) && lostStates.has(sqlStateOf(error))
        ? Effect.map(Clock.currentTimeMillis, (now) => {
            lostUntil = now + lostMillis
          })
        : Effect.void,

    /** Runs the probe. Fails without it if a prepared statement was lost in the last 30 seconds. Logs a problem once. */
    probe: (
      statement: Effect.Effect<Duration.Duration, SqlError.SqlError | ServiceUnavailable>
    ): Effect.Effect<Duration.Duration, ServiceUnavailable> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        now < lostUntil
          ? Effect.andThen(
              report("statements get lost, as behind a pooler with DATABASE_PREPARED_STATEMENTS=on"),
              Effect.fail(unavailable)
            )
          : statement
      ).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            reported = undefined
          })
        ),
        Effect.catchIf(SqlError.isSqlError, (error) =>
          Effect.andThen(error.isRetryable ? Effect.void : report(messageOf(error)), Effect.fail(unavailable))
        )
      )
  }
}
