import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Consumers know what they have seen by its id, which stays the same. */
export const eventsReplay = Command.make(
  "replay",
  {
    since: Flag.String("since").pipe(
      Flag.withDescription("When the first of them happened, as 2026-11-24T10:00:00Z"),
      Flag.withSchema(Rfc3339)
    )
  },
  load(() => import("../EventsReplay.ts"))
).pipe(
  Command.withDescription(
    "Publishes every event again that happened since, under the id it had, in the order it had for its user, as far back as " +
      "OUTBOX_RETENTION of the worker goes, and tries again what a release before could not read. The worker does the rest. " +
      "The database is the one that migrate brings up to date."
  ),
  Command.withShortDescription("Publish again what happened since a time"),
  Command.withExamples([
    { command: "cli events replay --since 2026-11-24T10:00:00Z", description: "Everything from that moment on" }
  ]),
  Command.provide(loadLayer(() => import("../EventsReplay.ts")))
)
