import { Cause, Predicate } from "effect"
import { HttpServerError } from "effect/http"
import { SqlError } from "effect/sql"
import { maskText } from "@user-service/domain/Redaction"

/** What is wrong in the words of whoever refused: those of the innermost cause, or where it has none its code. */
export const wordsOf = (error: unknown): string => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : undefined
  return (cause === undefined ? "" : wordsOf(cause)) || textOf(error, "message") || textOf(error, "code")
}

const textOf = (error: unknown, key: "message" | "code"): string =>
  Predicate.hasProperty(error, key) && Predicate.isString(error[key]) ? error[key] : ""

/** What an operator can act on, in one sentence. `portVariable` says where the program was to listen, if it was. */
export const describe = (error: unknown, portVariable = "PORT"): string => {
  const words = wordsOf(error) || String(error)
  if (SqlError.isSqlError(error)) return `The database refuses: ${words}`
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return Predicate.hasProperty(cause, "code") && cause.code === "EADDRINUSE" && Predicate.hasProperty(cause, "port")
      ? `Port ${String(cause.port)} is in use: set ${portVariable} to another`
      : `Cannot listen where HOST and ${portVariable} say: ${words}`
  }
  return Predicate.isError(error) && error.message !== words ? `${error.message}: ${words}` : words
}

/**
 * Whether the cause is a mistake in the program. An error of the database is not: an operator can act on it, though code that
 * cannot recover from it turns it into a defect.
 */
export const isDefect = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasDies(cause) && !Cause.hasFails(cause) && !SqlError.isSqlError(Cause.squash(cause))

/**
 * What ended the program, as text for standard error. A defect comes with its cause and stack, since no setting explains it;
 * credentials in it are masked. `what` names what did not succeed: "The program cannot start".
 */
export const describeCause = (
  cause: Cause.Cause<unknown>,
  options: { readonly what: string; readonly portVariable?: string }
): string => {
  const error = Cause.squash(cause)
  const text = isDefect(cause)
    ? maskText(`${options.what}, because of a defect in it: ${wordsOf(error) || String(error)}\n${Cause.pretty(cause)}`)
    : describe(error, options.portVariable)
  return text.replaceAll(obeyed, " ")
}

// What a terminal obeys in place of showing it: control characters, but for those that lay out the text, and bidirectional
// overrides. A path that a setting names may hold them.
const obeyed = /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
