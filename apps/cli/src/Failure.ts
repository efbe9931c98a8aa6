import { SettingsInvalid } from "@user-service/runtime/Environment"
import { toLine } from "@user-service/domain/Text"
import * as Failure from "@user-service/runtime/Failure"

/** The text on one line, without control characters and bidirectional overrides, which a terminal would interpret. */
export const oneLine = (text: string): string => toLine(text.trim().replaceAll(/\s*\p{Cc}+\s*/gu, " "))

/** The failure of a command as one line for an operator. */
export const describe = (error: unknown): string =>
  oneLine(
    error instanceof SettingsInvalid
      ? `The configuration is not valid: ${error.problems.join("; ")}`
      : Failure.describe(error)
  )
