import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { Changes } from "../changes/Changes.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { StalePushTokenSettings } from "./StalePushTokenSettings.ts"
import { StalePushTokensRepo, type StalenessCutoffs } from "./StalePushTokensRepo.ts"

/** Deactivates and later deletes the push tokens of devices that have not been seen for long. */
export class StalePushTokens extends Context.Service<
  StalePushTokens,
  {
    /**
     * Expires at most `limit` tokens and the other stale tokens of their owners, with one change per owner. Returns the number
     * of tokens found; a number below `limit` means that none is left.
     */
    readonly expire: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/StalePushTokens") {
  static readonly layerNoDeps = Layer.effect(
    StalePushTokens,
    Effect.gen(function* () {
      const repo = yield* StalePushTokensRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const inactiveTokens = yield* InactivePushTokens
      const { removedAfter, silencedAfter } = yield* StalePushTokenSettings

      const expireTokensOf = (userId: UserId, cutoffs: StalenessCutoffs) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const deleted = yield* repo.remove(userId, cutoffs)
            const deactivated = yield* repo.deactivate(userId, cutoffs, yield* DateTime.now)
            if (deactivated.length > 0) yield* inactiveTokens.trim([userId])
            const formerlyLive = [...deleted.filter((token) => token.isActive), ...deactivated]
            return {
              result: undefined,
              events: pushTokensRemoved(formerlyLive, "stale"),
              audit: [
                {
                  userId,
                  action: "push_token.expired",
                  details: { silenced: deactivated.length, deleted: deleted.length }
                }
              ]
            }
          })
        )

      const expire = Effect.fn("StalePushTokens.expire")(function* (limit: number) {
        const now = yield* DateTime.now
        const cutoffs = {
          stale: DateTime.subtractDuration(now, silencedAfter),
          gone: DateTime.subtractDuration(now, removedAfter)
        }
        const owners = yield* storage.read(repo.owners(cutoffs, limit))
        yield* Effect.forEach(
          new Set(owners),
          // The user was erased since, together with their tokens.
          (userId) => Effect.catchTag(expireTokensOf(userId, cutoffs), "UserNotFound", () => Effect.void),
          { discard: true }
        )
        return owners.length
      })

      return { expire }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([StalePushTokensRepo.layer, Changes.layer, InactivePushTokens.layer])
  )
}
