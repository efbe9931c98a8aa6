import * as EmailCanonicals from "@user-service/database/EmailCanonicals"
import * as Migrations from "@user-service/database/Migrations"
import { Console, Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Safe to run again, and in several places at once: see {@link Migrations.run}. */
export const run = Effect.fnUntraced(function* () {
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
