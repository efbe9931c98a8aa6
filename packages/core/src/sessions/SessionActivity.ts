import * as Storage from "@user-service/database/Storage"
import type { SessionId } from "@user-service/domain/Session"
import { Clock, Context, DateTime, Effect, Layer } from "effect"
import { SessionsRepo } from "./SessionsRepo.ts"

const minuteMillis = 60_000

/**
 * Moves a session's `last_seen_at` when it is used, at most once a minute. What is noted is written with a batch some
 * seconds later, so that a read costs no write; a process that is killed loses those seconds.
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
      // When each was last noted; those of the last minute only.
      const noted = new Map<SessionId, number>()
      let waiting: Array<SessionId> = []

      const note = (id: SessionId) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (now - (noted.get(id) ?? 0) < minuteMillis) return
          noted.set(id, now)
          waiting.push(id)
        })

      const flush = Effect.gen(function* () {
        const ids = waiting
        waiting = []
        const now = yield* DateTime.now
        for (const [id, at] of noted) if (now.epochMilliseconds - at >= minuteMillis) noted.delete(id)
        if (ids.length === 0) return
        yield* storage.write(repo.touch(ids, now)).pipe(
          Effect.catch((error) => Effect.logDebug("Activity of sessions was not written", { error })),
          // One batch is lost by it, and not those after it.
          Effect.catchDefect((defect) => Effect.logError("Activity of sessions was not written", defect))
        )
      })

      yield* Effect.addFinalizer(() => flush)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("5 seconds"), flush)))
      return { note }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(SessionsRepo.layer))
}
