import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { OutboxRepo } from "./OutboxRepo.ts"

// Few enough for the time limit of one statement.
const batchLimit = 5000

/** Publishes events again: for a consumer that lost some, and events that an older release could not read. */
export class Replays extends Context.Service<
  Replays,
  {
    /**
     * Resets all published and set-aside events since the given time to waiting. They keep their ids. Deleted events cannot
     * be replayed. Returns the number of events.
     */
    readonly since: (since: DateTime.Utc) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/outbox/Replays") {
  static readonly layerNoDeps = Layer.effect(
    Replays,
    Effect.gen(function* () {
      const repo = yield* OutboxRepo
      const storage = yield* Storage.Storage

      const inBatches = Effect.fnUntraced(function* (batch: ReturnType<typeof repo.replayPublished>) {
        let total = 0
        for (;;) {
          const count = yield* storage.write(batch)
          total += count
          if (count < batchLimit) return total
        }
      })

      const since = Effect.fn("Replays.since")(function* (since: DateTime.Utc) {
        // Events that are published again during the replay are not replayed twice.
        const until = yield* DateTime.now
        const published = yield* inBatches(repo.replayPublished(since, until, batchLimit))
        return published + (yield* inBatches(repo.replaySetAside(since, until, batchLimit)))
      })

      return { since }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(OutboxRepo.layer))
}
