import { Command } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Migrates the database to the newest schema. */
export const migrate = Command.make(
  "migrate",
  {},
  load(() => import("../Migrate.ts"))
).pipe(
  Command.withDescription(
    "Migrates the database to the newest schema in one transaction. Safe to repeat, and to run several times at once. Lists " +
      "the accounts that share a mailbox under two spellings. " +
      "The database is set by DATABASE_URL, or by DB_HOST with DB_PORT, DB_NAME, DB_USER and DB_PASSWORD. Without them, " +
      "except in production, it is the embedded database in DATA_DIR, which no other process may use at the same time."
  ),
  Command.withShortDescription("Migrate the database to the newest schema"),
  Command.provide(loadLayer(() => import("../Database.ts")))
)
