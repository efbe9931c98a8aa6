import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { preferencesKey, userKey } from "@user-service/core/cached/CacheKeys"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { Preferences as PreferencesService } from "@user-service/core/preferences/Preferences"
import { PreferencesRepo } from "@user-service/core/preferences/PreferencesRepo"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { PreferencesUpdated, SessionRevoked, UserLoggedIn } from "@user-service/domain/DomainEvent"
import { Preferences } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { Effect, Option } from "effect"
import { layer, register } from "../TestCore.ts"

/** Which copies of the user stand in the cache: the versions of their profile and of their preferences. */
const cached = Effect.fnUntraced(function* (userId: UserId) {
  const cache = yield* Cache
  const found = yield* cache.getMany([userKey(userId), preferencesKey(userId)])
  return found.map((entry) => Option.getOrUndefined(Option.map(entry, ({ version }) => version)))
})

/** Somebody whose profile and preferences are cached, in their first versions. */
const cachedUser = Effect.gen(function* () {
  const registered = yield* register
  yield* Profiles.use((profiles) => profiles.represent(registered.userId))
  yield* PreferencesService.use((preferences) => preferences.represent(registered.userId))
  assert.deepStrictEqual(yield* cached(registered.userId), [1, 1])
  return registered
})

const preferencesAt = Effect.fnUntraced(function* (userId: UserId, version: number) {
  const stored = Option.getOrThrow(yield* PreferencesRepo.use((repo) => repo.find(userId)))
  return new Preferences({ ...stored, version })
})

describe("Invalidations", () => {
  it.layer(layer())((it) => {
    it.effect("any change invalidates the cached user, and not the preferences", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const { userId } = yield* cachedUser
        yield* apply([{ id: userId, version: 2 }], [new UserLoggedIn({ userId })])
        assert.deepStrictEqual(yield* cached(userId), [undefined, 1])
      })
    )

    it.effect("a change of the preferences invalidates both", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const { userId } = yield* cachedUser
        const preferences = yield* preferencesAt(userId, 2)
        yield* apply([{ id: userId, version: 2 }], [new PreferencesUpdated({ userId, preferences })])
        assert.deepStrictEqual(yield* cached(userId), [undefined, undefined])
      })
    )

    it.effect("exactly the ended sessions are refused", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const { isAlive } = yield* LiveSessions
        const [{ sessionId, userId }, other] = [yield* register, yield* register]
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* apply([{ id: userId, version: 2 }], [new SessionRevoked({ userId, sessionId, reason: "logout" })])
        assert.isFalse(yield* isAlive(userId, sessionId))
        assert.isTrue(yield* isAlive(other.userId, other.sessionId))
      })
    )

    it.effect("a repeated invalidation, as by the relay, keeps later copies", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const { userId } = yield* cachedUser
        const preferences = yield* preferencesAt(userId, 1)
        const again = apply([{ id: userId, version: 1 }], [new PreferencesUpdated({ userId, preferences })])
        yield* Effect.andThen(again, again)
        assert.deepStrictEqual(yield* cached(userId), [1, 1])
      })
    )

    it.effect("a copy from before the change is refused after it", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const { userId } = yield* register
        yield* apply([{ id: userId, version: 2 }], [])
        // The row still is what it was: what a read finds is the version before the change.
        yield* Profiles.use((profiles) => profiles.represent(userId))
        assert.deepStrictEqual(yield* cached(userId), [undefined, undefined])
      })
    )

    it.effect("exactly the users that a change locked are invalidated", () =>
      Effect.gen(function* () {
        const { apply } = yield* Invalidations
        const [first, second, third] = [yield* cachedUser, yield* cachedUser, yield* cachedUser]
        yield* apply(
          [first, second].map(({ userId }) => ({ id: userId, version: 2 })),
          []
        )
        assert.deepStrictEqual(yield* cached(first.userId), [undefined, 1])
        assert.deepStrictEqual(yield* cached(second.userId), [undefined, 1])
        assert.deepStrictEqual(yield* cached(third.userId), [1, 1])
      })
    )
  })
})
