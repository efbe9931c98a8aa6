import * as EmailCanonicals from "@user-service/database/EmailCanonicals"
import * as Migrations from "@user-service/database/Migrations"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { SqlClient } from "effect/sql"
import * as Database from "./Database.ts"

/** Safe to run again, and in several places at once: see {@link Migrations.run}. */
export const migrate = Command.make(
  "migrate",
  {},
  Effect.fnUntraced(function* () {
    const applied = yield* Migrations.run
    for (const [id, name] of applied) yield* Console.log(`Applied ${String(id).padStart(4, "0")}_${name}`)
    if (applied.length === 0) yield* Console.log("Nothing to apply: the database has the newest schema")
    for (const { holder, other } of yield* EmailCanonicals.sharedMailboxes(yield* SqlClient.SqlClient)) {
      yield* Console.log(
        `Account ${other.id} (${other.email}) has the mailbox of account ${holder.id} (${holder.email}): ` +
          "it can log in by exactly this spelling only"
      )
    }
  })
).pipe(
  Command.withDescription(
    "Brings the database to the newest schema, all of it or nothing. Safe to run again, and while others do. Lists the " +
      "accounts that share a mailbox under two spellings. " +
      "The database is named by DATABASE_URL, or DB_HOST with DB_PORT, DB_NAME, DB_USER and DB_PASSWORD; without one it " +
      "is the embedded one in DATA_DIR, which no other process may be using, and never in production."
  ),
  Command.withShortDescription("Bring the database to the newest schema"),
  Command.provide(Database.layer)
)
