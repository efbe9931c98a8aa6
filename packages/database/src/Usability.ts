import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Clock, type Duration, Effect, Predicate } from "effect"
import { SqlError } from "effect/sql"

/** The database is out of reach, or of no use. */
export const unavailable = new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })

/** The SQLSTATE that the server refused with; empty where it was not the server. */
export const sqlStateOf = (error: SqlError.SqlError): string => {
  const cause = error.reason.cause
  return Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""
}

const wordsOf = (error: SqlError.SqlError): string => {
  const cause = error.reason.cause
  const words = Predicate.isError(cause) ? cause.message : error.reason.message
  const state = sqlStateOf(error)
  return state === "" ? words : `${words} (${state})`
}

// What a statement fails with whose prepared form is unknown to its session, or whose transaction began with such a one. No
// input brings it about.
const lostStates = new Set(["26000", "42P05", "25P02"])
const lostMillis = 30_000

/** Whether the statements of the service work, as far as is known. */
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
    /** Takes note of the failure of a statement. */
    note: (error: unknown): Effect.Effect<void> =>
      SqlError.isSqlError(error) && lostStates.has(sqlStateOf(error))
        ? Effect.map(Clock.currentTimeMillis, (now) => {
            lostUntil = now + lostMillis
          })
        : Effect.void,

    /** Runs the statement that tells, unless others have failed lately because they were lost. Logs a problem once. */
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
          Effect.andThen(error.isRetryable ? Effect.void : report(wordsOf(error)), Effect.fail(unavailable))
        )
      )
  }
}
