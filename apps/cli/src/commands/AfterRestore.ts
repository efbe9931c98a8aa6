import { Command } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Invalidates what a restored database brings back. */
export const afterRestore = Command.make(
  "after-restore",
  {},
  load(() => import("../AfterRestore.ts"))
).pipe(
  Command.withDescription(
    "Ends all sessions, deletes all one-time tokens of mails, and raises the versions of all users and preferences, in one " +
      "transaction. For a database that was restored to a moment in the past, while the service is stopped: without it, ended " +
      "sessions and used tokens would be valid again, and clients and consumers would take new versions for old ones. Safe to " +
      "repeat. The audit log gets an entry. Uses the same database as migrate. See infra/docs/operations.md."
  ),
  Command.withShortDescription("End all sessions after a restore to a moment in the past"),
  Command.provide(loadLayer(() => import("../AfterRestore.ts")))
)
