import { NodeServices } from "@effect/platform-node"
import * as Logs from "@user-service/telemetry/Logs"
import { endOnRepeat } from "@user-service/runtime/RepeatedSignal"
import { Cause, Console, Effect } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import process from "node:process"
import { afterRestore } from "./commands/AfterRestore.ts"
import { createSuperuser } from "./commands/CreateSuperuser.ts"
import { deadLettersDiscard, deadLettersList, deadLettersReplay } from "./commands/DeadLetters.ts"
import { erasuresExport, erasuresReplay } from "./commands/Erasures.ts"
import { eventsReplay } from "./commands/EventsReplay.ts"
import { describe, oneLine } from "./Failure.ts"
import { importDjango } from "./commands/ImportDjango.ts"
import { keysRotate } from "./commands/KeysRotate.ts"
import { migrate } from "./commands/Migrate.ts"
import { rolesSet } from "./commands/RolesSet.ts"
import { asyncApi, openApi } from "./commands/Documents.ts"
import { version } from "@user-service/runtime/Version"

const keys = Command.make("keys").pipe(
  Command.withDescription("The keys that sign tokens"),
  Command.withSubcommands([keysRotate])
)

const roles = Command.make("roles").pipe(
  Command.withDescription("The roles of staff"),
  Command.withSubcommands([rolesSet])
)

const events = Command.make("events").pipe(
  Command.withDescription("The events of changes, which other services consume"),
  Command.withSubcommands([eventsReplay])
)

const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("The messages that could not be processed, which wait for an operator"),
  Command.withSubcommands([deadLettersList, deadLettersReplay, deadLettersDiscard])
)

const erasures = Command.make("erasures").pipe(
  Command.withDescription("The erased users, whom a restored backup brings back"),
  Command.withSubcommands([erasuresExport, erasuresReplay])
)

const cli = Command.make("cli").pipe(
  Command.withDescription("The commands of the User Service for operators. Settings are read from the environment."),
  Command.withSubcommands([
    migrate,
    createSuperuser,
    roles,
    openApi,
    asyncApi,
    keys,
    events,
    deadLetters,
    erasures,
    afterRestore,
    importDjango
  ])
)

// Shortens a message of several paragraphs to a line.
const problemOf = (error: CliError.NonShowHelpErrors): string => {
  const [problem = ""] = error.message
    .replace("Expected: Schema validation failed: ", "")
    .split("\n\n  Did you mean this?")
  return "suggestions" in error && error.suggestions.length > 0
    ? `${problem}, did you mean ${error.suggestions.join(" or ")}?`
    : problem
}

// A wrong call prints one line instead of the whole help.
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(oneLine(`${event.errors.map(problemOf).join("; ")} (see ${event.commandPath.join(" ")} --help)`))
      : CliOutput.defaultPresenter.present(event)
}

const report = <E>(cause: Cause.Cause<E>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  if (Cause.hasDies(cause)) return Effect.logFatal("The command failed, because of a defect in it", cause)
  const error = Cause.squash(cause)
  return CliError.isCliError(error) ? Effect.void : Console.error(describe(error))
}

/**
 * Runs the command of the arguments. A failure that an operator can correct is one line on standard error with exit code 1.
 * A defect is logged there with its cause, by the logger that masks credentials.
 */
export const run = Effect.andThen(endOnRepeat(), Command.run(cli, { version })).pipe(
  Effect.scoped,
  Effect.tapCause(report),
  Effect.provide([
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    CliOutput.layerPresenter(presenter),
    // Logs go to standard error: standard output is for results.
    Logs.layer({ level: "Warn", format: "pretty", file: undefined }, process.stderr),
    NodeServices.layer
  ])
)
