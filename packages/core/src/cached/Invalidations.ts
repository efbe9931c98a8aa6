import { Cache, type Invalidation } from "@user-service/cache/Cache"
import type { DomainEvent } from "@user-service/domain/DomainEvent"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { preferencesKey, userKey } from "./CacheKeys.ts"
import { LiveSessions } from "./LiveSessions.ts"

/** A user, and the version that a change has given them. */
export interface UserVersion {
  readonly id: UserId
  readonly version: number
}

/**
 * Makes every cached copy of what a change touched unbelievable. Follows from the change's users and events alone, so
 * that the relay can do the same again for a process that died after its commit. Idempotent, and never fails: the cache
 * believes nothing older once it has missed an invalidation.
 */
export class Invalidations extends Context.Service<
  Invalidations,
  {
    readonly apply: (users: ReadonlyArray<UserVersion>, events: ReadonlyArray<DomainEvent>) => Effect.Effect<void>
    /** The same for a change that ended no session; `others` are what it made stale besides the users' own copies. */
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
        const ended = events.filter((event) => event._tag === "SessionRevoked")
        const preferences = events.filter((event) => event._tag === "PreferencesUpdated")
        const copies = touch(
          users,
          preferences.map((event) => ({ key: preferencesKey(event.userId), version: event.preferences.version }))
        )
        yield* ended.length === 0
          ? copies
          : Effect.all([liveSessions.ended(ended), copies], { concurrency: 2, discard: true })
      })

      return { touch, apply }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(LiveSessions.layer))

  /** For users of whom nothing is cached. */
  static readonly layerNone = Layer.succeed(Invalidations, { apply: () => Effect.void, touch: () => Effect.void })
}
