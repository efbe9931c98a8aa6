import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { Changes } from "../changes/Changes.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { StalePushTokenSettings } from "./StalePushTokenSettings.ts"
import { StalePushTokensRepo, type StalenessCutoffs } from "./StalePushTokensRepo.ts"

/** Tokens whose device has not been seen for long: silenced, so that nobody sends to them, and at last deleted. */
export class StalePushTokens extends Context.Service<
  StalePushTokens,
  {
    /**
     * Does so with `limit` tokens at most, and the others of their owners, each owner a change of its own; answers how many
     * were found: where it is fewer, there are no others.
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
      const inactive = yield* InactivePushTokens
      const { removedAfter, silencedAfter } = yield* StalePushTokenSettings

      const expireOf = (userId: UserId, cutoffs: StalenessCutoffs) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const gone = yield* repo.remove(userId, cutoffs)
            const silenced = yield* repo.silence(userId, cutoffs, yield* DateTime.now)
            if (silenced.length > 0) yield* inactive.trim([userId])
            const live = [...gone.filter((token) => token.isActive), ...silenced]
            return {
              result: undefined,
              events: pushTokensRemoved(live, "stale"),
              audit: [
                {
                  userId,
                  action: "push_token.expired",
                  details: { silenced: silenced.length, deleted: gone.length }
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
          // Erased meanwhile, and their tokens with them.
          (userId) => Effect.catchTag(expireOf(userId, cutoffs), "UserNotFound", () => Effect.void),
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
