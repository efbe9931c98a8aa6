import { OutboxRepo } from "@user-service/core/outbox/OutboxRepo"
import { Replays } from "@user-service/core/outbox/Replays"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { Console, DateTime, Layer, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as Database from "./Database.ts"

const layer = Replays.layer.pipe(Layer.provide([OutboxRepo.layer, Storage.layer]))

/** Consumers know what they have seen by its id, which stays the same. */
export const eventsReplay = Command.make(
  "replay",
  {
    since: Flag.String("since").pipe(
      Flag.withDescription("When the first of them happened, as 2026-11-24T10:00:00Z"),
      Flag.withSchema(Rfc3339)
    )
  },
  Effect.fnUntraced(function* ({ since }) {
    yield* requireMigrated
    const replays = yield* Replays
    const count = yield* replays.since(since)
    yield* Console.log(`${count} events since ${DateTime.formatIso(since)} wait to be published again`)
  })
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
  Command.provide(layer),
  Command.provide(Database.layer)
)
