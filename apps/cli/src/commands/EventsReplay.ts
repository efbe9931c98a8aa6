import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** A replayed event keeps its id, by which consumers recognize it. */
export const eventsReplay = Command.make(
  "replay",
  {
    since: Flag.String("since").pipe(
      Flag.withDescription("The time of the first event, for example 2026-11-24T10:00:00Z"),
      Flag.withSchema(Rfc3339)
    )
  },
  load(() => import("../EventsReplay.ts"))
).pipe(
  Command.withDescription(
    "Marks every event since a time as unpublished, as far back as OUTBOX_RETENTION of the worker, also the events that an " +
      "older release could not decode. The worker then publishes them again, with their ids and in the order of each user. " +
      "Uses the same database as migrate."
  ),
  Command.withShortDescription("Publish the events since a time again"),
  Command.withExamples([
    { command: "cli events replay --since 2026-11-24T10:00:00Z", description: "All events since that time" }
  ]),
  Command.provide(loadLayer(() => import("../EventsReplay.ts")))
)
