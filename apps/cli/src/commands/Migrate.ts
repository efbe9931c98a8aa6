import { Command } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Brings the database to the newest schema. */
export const migrate = Command.make(
  "migrate",
  {},
  load(() => import("../Migrate.ts"))
).pipe(
  Command.withDescription(
    "Brings the database to the newest schema, all of it or nothing. Safe to run again, and while others do. Lists the " +
      "accounts that share a mailbox under two spellings. " +
      "The database is named by DATABASE_URL, or DB_HOST with DB_PORT, DB_NAME, DB_USER and DB_PASSWORD; without one it " +
      "is the embedded one in DATA_DIR, which no other process may be using, and never in production."
  ),
  Command.withShortDescription("Bring the database to the newest schema"),
  Command.provide(loadLayer(() => import("../Database.ts")))
)
