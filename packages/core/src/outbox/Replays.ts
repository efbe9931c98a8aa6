import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { OutboxRepo } from "./OutboxRepo.ts"

// Few enough for one statement's time.
const batchLimit = 5000

/** Events once more: for a consumer that lost some, and for what an older release could not read. */
export class Replays extends Context.Service<
  Replays,
  {
    /**
     * Lets all that happened since wait again, to be published under the ids it had, and what was set aside too. Only what
     * is not deleted yet can be replayed. Answers how many.
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
        // What is published again meanwhile is not replayed again.
        const until = yield* DateTime.now
        const published = yield* inBatches(repo.replayPublished(since, until, batchLimit))
        return published + (yield* inBatches(repo.replaySetAside(since, until, batchLimit)))
      })

      return { since }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(OutboxRepo.layer))
}
