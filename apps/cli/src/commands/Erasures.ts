import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { Argument, Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

export const erasuresExport = Command.make(
  "export",
  {
    file: Flag.String("file").pipe(
      Flag.withDescription("The file to add erasures to; without it they are printed"),
      Flag.optional
    ),
    since: Flag.String("since").pipe(
      Flag.withDescription(
        "The time of the first erasure, for example 2026-11-24T10:00:00Z; by default 30 days before the newest one of the file, or all"
      ),
      Flag.withSchema(Rfc3339),
      Flag.optional
    )
  },
  load(() => import("../ErasuresExport.ts"))
).pipe(
  Command.withDescription(
    "Lists the erased users, for a replay after a restore of the database: a line for each, with the user's id, the time and a " +
      "checksum. Adds to a file what it does not have and never removes a line, so it is safe to repeat, for example each " +
      "minute. Keep the file away from the database's host. A damaged file is refused. Uses the same database as migrate."
  ),
  Command.withShortDescription("Add the erasures to a file"),
  Command.withExamples([
    {
      command: "cli erasures export --file /backup/erasures.txt",
      description: "Add the erasures since the last export"
    }
  ]),
  Command.provide(loadLayer(() => import("../ErasuresExport.ts")))
)

export const erasuresReplay = Command.make(
  "replay",
  {
    file: Argument.String("file").pipe(Argument.withDescription("The file that erasures export has written")),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Only count what would be erased"),
      Flag.withDefault(false)
    )
  },
  load(() => import("../ErasuresReplay.ts"))
).pipe(
  Command.withDescription(
    "Erases the users of the file again who are in the database, after it was restored from a backup and migrated, and before the " +
      "service starts. Their user.deleted events are published again. Safe to repeat, and continues where it was interrupted. " +
      "A damaged line is named, and then nobody is erased. Uses the same database as migrate, and the key file of the API " +
      "(JWT_KEYS_FILE). See infra/docs/operations.md."
  ),
  Command.withShortDescription("Erase the users of a file again, after a restore"),
  Command.withExamples([
    { command: "cli erasures replay /backup/erasures.txt --dry-run", description: "Count the users to erase again" }
  ]),
  Command.provide(loadLayer(() => import("../ErasuresReplay.ts")))
)
