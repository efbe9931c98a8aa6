import * as Storage from "@user-service/database/Storage"
import type { SessionId } from "@user-service/domain/Session"
import { Clock, Context, DateTime, Effect, Layer } from "effect"
import { SessionsRepo } from "./SessionsRepo.ts"

const minuteMillis = 60_000

/**
 * Updates the `last_seen_at` of sessions in use, at most once a minute each. The updates are batched for some seconds, so
 * that a request costs no write. A killed process loses the current batch.
 */
export class SessionActivity extends Context.Service<
  SessionActivity,
  { readonly note: (id: SessionId) => Effect.Effect<void> }
>()("@user-service/core/sessions/SessionActivity") {
  static readonly layerNoDeps = Layer.effect(
    SessionActivity,
    Effect.gen(function* () {
      const repo = yield* SessionsRepo
      const storage = yield* Storage.Storage
      // When each session was last noted. Entries older than a minute are dropped.
      const notedAt = new Map<SessionId, number>()
      let batch: Array<SessionId> = []

      const note = (id: SessionId) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (now - (notedAt.get(id) ?? 0) < minuteMillis) return
          notedAt.set(id, now)
          batch.push(id)
        })

      const flush = Effect.gen(function* () {
        const ids = batch
        batch = []
        const now = yield* DateTime.now
        for (const [id, at] of notedAt) if (now.epochMilliseconds - at >= minuteMillis) notedAt.delete(id)
        if (ids.length === 0) return
        yield* storage.write(repo.touch(ids, now)).pipe(
          Effect.catch((error) => Effect.logDebug("Could not write the last activity of sessions", { error })),
          // A defect loses this batch, but must not end the loop.
          Effect.catchDefect((defect) => Effect.logError("Could not write the last activity of sessions", defect))
        )
      })

      yield* Effect.addFinalizer(() => flush)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("5 seconds"), flush)))
      return { note }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(SessionsRepo.layer))
}
