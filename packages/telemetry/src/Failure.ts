import { Predicate } from "effect"
import { HttpServerError } from "effect/http"
import { SqlError } from "effect/sql"

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
