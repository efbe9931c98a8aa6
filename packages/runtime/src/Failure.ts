import { Cause, Predicate } from "effect"
import { HttpServerError } from "effect/http"
import { SqlError } from "effect/sql"
import { maskText } from "@user-service/domain/Redaction"

/** The message of the innermost cause, or its code if it has no message. */
export const messageOf = (error: unknown): string => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : undefined
  return (cause === undefined ? "" : messageOf(cause)) || textOf(error, "message") || textOf(error, "code")
}

const textOf = (error: unknown, key: "message" | "code"): string =>
  Predicate.hasProperty(error, key) && Predicate.isString(error[key]) ? error[key] : ""

/** Describes an error for an operator in one sentence. `portVariable` is the variable of the port that the program listens on. */
export const describe = (error: unknown, portVariable = "PORT"): string => {
  const message = messageOf(error) || String(error)
  if (SqlError.isSqlError(error)) return `The database refuses: ${message}`
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return Predicate.hasProperty(cause, "code") && cause.code === "EADDRINUSE" && Predicate.hasProperty(cause, "port")
      ? `Port ${String(cause.port)} is in use: set ${portVariable} to another`
      : `Cannot listen where HOST and ${portVariable} say: ${message}`
  }
  return Predicate.isError(error) && error.message !== message ? `${error.message}: ${message}` : message
}

/**
 * Whether the cause is a mistake in the program. An error of the database is not: an operator can act on it, though code that
 * cannot recover from it turns it into a defect.
 */
export const isDefect = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasDies(cause) && !Cause.hasFails(cause) && !SqlError.isSqlError(Cause.squash(cause))

/**
 * Describes the cause that ended the program, for standard error. A defect is shown with its stack, with credentials masked. `what` is
 * the failed operation: "The program cannot start".
 */
export const describeCause = (
  cause: Cause.Cause<unknown>,
  options: { readonly what: string; readonly portVariable?: string }
): string => {
  const error = Cause.squash(cause)
  const text = isDefect(cause)
    ? maskText(
        `${options.what}, because of a defect in it: ${messageOf(error) || String(error)}\n${Cause.pretty(cause)}`
      )
    : describe(error, options.portVariable)
  return text.replaceAll(controlCharacters, " ")
}

// Characters that a terminal interprets: control characters except tabs and line breaks, and bidirectional overrides. A path in a setting
// may contain them.
const controlCharacters = /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
