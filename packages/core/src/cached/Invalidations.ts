import { Cache, type Invalidation } from "@user-service/cache/Cache"
import type { DomainEvent, UserDeleted } from "@user-service/domain/DomainEvent"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, Effect, Layer, Option } from "effect"
import { preferencesKey, userKey } from "./CacheKeys.ts"
import { LiveSessions } from "./LiveSessions.ts"

/** A user and their version after a change. */
export interface UserVersion {
  readonly id: UserId
  readonly version: number
}

// Higher than the version of any row, so that no read that began before the erasure puts an erased user back.
const finalVersion = Number.MAX_SAFE_INTEGER

const sessionsOf = ({ sessionIds, userId }: UserDeleted) => sessionIds.map((sessionId) => ({ userId, sessionId }))

/**
 * Invalidates the cached copies of the data that a change wrote. It needs only the change's users and events, so that the
 * relay can repeat it for a process that died after its commit. It is idempotent and never fails: after a missed
 * invalidation the cache rejects all older entries.
 */
export class Invalidations extends Context.Service<
  Invalidations,
  {
    readonly apply: (users: ReadonlyArray<UserVersion>, events: ReadonlyArray<DomainEvent>) => Effect.Effect<void>
    /** The same for a change that ended no session. `others` are the stale copies besides those of the users. */
    readonly touch: (users: ReadonlyArray<UserVersion>, others: ReadonlyArray<Invalidation>) => Effect.Effect<void>
  }
>()("@user-service/core/cached/Invalidations") {
  static readonly layerNoDeps = Layer.effect(
    Invalidations,
    Effect.gen(function* () {
      const cache = yield* Cache
      const liveSessions = yield* LiveSessions

      const touch = (users: ReadonlyArray<UserVersion>, others: ReadonlyArray<Invalidation>) =>
        cache.invalidate([...users.map(({ id, version }) => ({ key: userKey(id), version })), ...others])

      const apply = Effect.fnUntraced(function* (
        users: ReadonlyArray<UserVersion>,
        events: ReadonlyArray<DomainEvent>
      ) {
        const revocations = events.filter((event) => event._tag === "SessionRevoked")
        const updates = events.filter((event) => event._tag === "PreferencesUpdated")
        const deletions = events.filter((event) => event._tag === "UserDeleted")
        const latestEnd = Array.last(events.filter((event) => event._tag === "AllSessionsRevoked"))
        const ended = [...revocations, ...deletions.flatMap(sessionsOf)]
        const invalidateCopies = touch(users, [
          ...updates.map((event) => ({ key: preferencesKey(event.userId), version: event.preferences.version })),
          ...deletions.flatMap(({ userId }) => [
            { key: userKey(userId), version: finalVersion },
            { key: preferencesKey(userId), version: finalVersion }
          ])
        ])
        if (Option.isSome(latestEnd)) yield* liveSessions.endAll(latestEnd.value.notBefore)
        yield* ended.length === 0
          ? invalidateCopies
          : Effect.all([liveSessions.end(ended), invalidateCopies], { concurrency: 2, discard: true })
      })

      return { touch, apply }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(LiveSessions.layer))

  /** Does nothing: for users that are not cached. */
  static readonly layerNone = Layer.succeed(Invalidations, { apply: () => Effect.void, touch: () => Effect.void })
}
