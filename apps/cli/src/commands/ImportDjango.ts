import { Config } from "effect"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Copies the users of the Django service. */
export const importDjango = Command.make(
  "import-django",
  {
    from: Flag.String("from").pipe(
      Flag.withDescription(
        "The database of the Django service: postgres://user@host/database. Without it, IMPORT_DATABASE_URL, which other users " +
          "of the machine cannot see"
      ),
      Flag.map((url) => ({ name: "--from", url })),
      Flag.withFallbackConfig(
        Config.map(Config.String("IMPORT_DATABASE_URL"), (url) => ({ name: "IMPORT_DATABASE_URL", url }))
      )
    )
  },
  load(() => import("../ImportDjango.ts"))
).pipe(
  Command.withDescription(
    "Copies users, profiles, preferences and push tokens from the database of the Django service, which it only reads. Users " +
      "that exist here stay as they are, so it is safe to repeat, and continues where it was interrupted. Lists the rows that " +
      "cannot be imported; a user with such a row is left out. Old passwords stay valid. Uses the same database as migrate, " +
      "and the key file of the API (JWT_KEYS_FILE). See infra/docs/migrating-from-django.md."
  ),
  Command.withShortDescription("Copy the users of the Django service"),
  Command.withExamples([
    {
      command: "cli import-django",
      description: "Copy all users of IMPORT_DATABASE_URL, with a bar for the progress and a report"
    }
  ]),
  Command.provide(loadLayer(() => import("../ImportDjango.ts")))
)
