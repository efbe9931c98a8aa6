import { SettingsInvalid } from "@user-service/domain/Environment"
import * as Failure from "@user-service/telemetry/Failure"

/** The text without line ends and other control characters, which could say something else to a terminal. */
export const oneLine = (text: string): string => text.trim().replaceAll(/\s*\p{Cc}+\s*/gu, " ")

/** The failure of a command, as a line an operator can act on. */
export const describe = (error: unknown): string =>
  oneLine(
    error instanceof SettingsInvalid
      ? `The configuration is not valid: ${error.problems.join("; ")}`
      : Failure.describe(error)
  )
