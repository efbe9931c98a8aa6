// The end of all sessions of all users (decision 0042).
import { AllSessionsRevoked } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { Changes } from "../changes/Changes.ts"
import { AllSessionsRepo } from "./AllSessionsRepo.ts"

/** Ends the sessions of all users at once. */
export class AllSessions extends Context.Service<
  AllSessions,
  {
    /**
     * Ends every session that was opened before the commit, and returns the not-before time: one row, one event and one audit
     * entry, however many sessions there are. This process refuses them at once, every other one within a second. Their push
     * tokens get no messages from now on; a job of the worker deactivates them (see `SilencedPushTokens`).
     */
    readonly end: Effect.Effect<DateTime.Utc, ServiceUnavailable>
  }
>()("@user-service/core/sessions/AllSessions") {
  static readonly layerNoDeps = Layer.effect(
    AllSessions,
    Effect.gen(function* () {
      const repo = yield* AllSessionsRepo
      const changes = yield* Changes

      const end = changes
        .changeByAct(
          "end_all_sessions",
          Effect.gen(function* () {
            const before = yield* repo.lock
            // Later than the one before, whatever the clocks of the processes say.
            const notBefore = DateTime.max(yield* DateTime.now, DateTime.add(before, { milliseconds: 1 }))
            yield* repo.raise(notBefore)
            return {
              result: notBefore,
              events: [new AllSessionsRevoked({ notBefore })],
              audit: [
                {
                  userId: null,
                  action: "session.all_ended",
                  details: { before: notBeforeOf(before), after: notBeforeOf(notBefore) }
                }
              ]
            }
          })
        )
        .pipe(Effect.withSpan("AllSessions.end"))

      return { end }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([AllSessionsRepo.layer, Changes.layer]))
}

const notBeforeOf = (time: DateTime.Utc) => ({ notBefore: DateTime.formatIso(time) })
