import { SettingsInvalid } from "@user-service/domain/Environment"
import { Predicate } from "effect"
import { Migrator, SqlError } from "effect/sql"

/** The text without line ends and other control characters, which could say something else to a terminal. */
export const oneLine = (text: string): string => text.trim().replaceAll(/\s*\p{Cc}+\s*/gu, " ")

/** The failure of a command, as a line an operator can act on. */
export const describe = (error: unknown): string => {
  if (error instanceof SettingsInvalid) return `The configuration is not valid: ${error.problems.join("; ")}`
  if (SqlError.isSqlError(error)) return messageOf(error.reason.cause) || oneLine(error.message)
  if (error instanceof Migrator.MigrationError && error.cause !== undefined) {
    return oneLine(`${error.message}: ${describe(error.cause)}`)
  }
  return messageOf(error) || oneLine(String(error))
}

// A failure to connect to each of several addresses has a code and no message.
const messageOf = (error: unknown): string => {
  const texts = [textOf(error, "message"), textOf(error, "code")]
  return oneLine(texts.find((text) => text !== "") ?? "")
}

const textOf = (error: unknown, key: "message" | "code"): string =>
  Predicate.hasProperty(error, key) && Predicate.isString(error[key]) ? error[key] : ""
