import { Replays } from "@user-service/core/outbox/Replays"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import { Console, DateTime, Layer, Effect } from "effect"
import * as Database from "./Database.ts"

/** {@link Replays} of the configured database. */
export const layer = Replays.layer.pipe(Layer.provide(Storage.layer), Layer.provideMerge(Database.layer))

/** Marks the events since `since` as unpublished, so that the worker publishes them again. */
export const run = Effect.fnUntraced(function* ({ since }: { readonly since: DateTime.Utc }) {
  yield* requireMigrated
  const replays = yield* Replays
  const count = yield* replays.since(since)
  yield* Console.log(`${count} events since ${DateTime.formatIso(since)} wait to be published again`)
})
