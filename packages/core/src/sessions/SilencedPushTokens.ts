// The push tokens of sessions that ended with all others (decision 0042).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, Option } from "effect"
import { Changes } from "../changes/Changes.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { AllSessionsRepo } from "./AllSessionsRepo.ts"

// A registration that began before the end of all sessions may commit after it, but no transaction takes longer than this.
const transactions = { seconds: 10 }

// The users that one change locks.
const usersPerChange = 50

/**
 * Deactivates the push tokens of sessions that ended with all others. They are silent from that moment on; this writes it into their
 * rows, with an event for each, in batches.
 */
export class SilencedPushTokens extends Context.Service<
  SilencedPushTokens,
  {
    /**
     * Looks at the next `limit` active push tokens after an end of all sessions, and returns their number. A number below
     * `limit` means that none is left. It continues where an earlier call stopped, and is idempotent.
     */
    readonly deactivate: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/sessions/SilencedPushTokens") {
  static readonly layerNoDeps = Layer.effect(
    SilencedPushTokens,
    Effect.gen(function* () {
      const repo = yield* AllSessionsRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const inactiveTokens = yield* InactivePushTokens

      const deactivateTokensOf = (userIds: ReadonlyArray<UserId>) =>
        changes.changeLocking(
          userIds,
          Effect.gen(function* () {
            const tokens = yield* repo.deactivate(userIds, yield* DateTime.now)
            const owners = Map.groupBy(tokens, ({ userId }) => userId)
            yield* inactiveTokens.trim([...owners.keys()])
            return {
              result: undefined,
              events: pushTokensRemoved(tokens, "logged_out"),
              audit: [...owners].map(([userId, { length }]) => ({
                userId,
                action: "push_token.silenced",
                details: { count: length }
              }))
            }
          })
        )

      const deactivate = Effect.fn("SilencedPushTokens.deactivate")(function* (limit: number) {
        const before = DateTime.subtract(yield* DateTime.now, transactions)
        const silencing = yield* storage.read(repo.silencing(before))
        if (Option.isNone(silencing)) return 0
        const owners = yield* storage.read(repo.owners(silencing.value.silencedTo, limit))
        const silenced = owners.filter(({ isSilenced }) => isSilenced).map(({ userId }) => userId)
        yield* Effect.forEach(Array.chunksOf(silenced, usersPerChange), deactivateTokensOf, { discard: true })
        const count = owners.reduce((total, { tokens }) => total + tokens, 0)
        const last = count < limit ? Option.none() : Array.last(owners)
        const to = Option.match(last, { onNone: () => null, onSome: ({ userId }) => userId })
        yield* storage.write(repo.advance(silencing.value, to))
        return count
      })

      return { deactivate }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([AllSessionsRepo.layer, Changes.layer, InactivePushTokens.layer])
  )
}
