import { Cache, type Entry } from "@user-service/cache/Cache"
import * as Storage from "@user-service/database/Storage"
import { PreferencesUpdated } from "@user-service/domain/DomainEvent"
import {
  contradiction,
  type Preferences as UserPreferences,
  type PreferencesContradictory,
  type PreferencesPatch,
  PreferencesVersionMismatch
} from "@user-service/domain/Preferences"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { preferencesKey } from "../CacheKeys.ts"
import { CacheSettings } from "../CacheSettings.ts"
import { Changes } from "../changes/Changes.ts"
import { Representations } from "../profiles/Representations.ts"
import { PreferencesRepo } from "./PreferencesRepo.ts"

/** How a user wants to be reached. */
export class Preferences extends Context.Service<
  Preferences,
  {
    /** The preferences in their wire representation with their version, from the cache where it has them. */
    readonly represent: (userId: UserId) => Effect.Effect<Entry, UserNotFound | ServiceUnavailable>
    /** Sets what the patch names, if the stored version is one of `expected`. The rules hold for the merged row. */
    readonly update: (
      userId: UserId,
      patch: PreferencesPatch,
      expected: ReadonlyArray<number> | "any"
    ) => Effect.Effect<
      UserPreferences,
      PreferencesContradictory | PreferencesVersionMismatch | UserNotFound | ServiceUnavailable
    >
  }
>()("@user-service/core/preferences/Preferences") {
  static readonly layer = Layer.effect(
    Preferences,
    Effect.gen(function* () {
      const cache = yield* Cache
      const repo = yield* PreferencesRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const representations = yield* Representations
      const timeToLive = (yield* CacheSettings).preferences

      const represent = Effect.fnUntraced(function* (userId: UserId) {
        const entry = yield* cache.readThrough(preferencesKey(userId), {
          timeToLive,
          load: Effect.map(
            Effect.suspend(() => storage.read(repo.find(userId))),
            Option.map((preferences) => ({
              version: preferences.version,
              value: representations.preferences(preferences)
            }))
          )
        })
        return Option.isSome(entry) ? entry.value : yield* new UserNotFound()
      })

      const stored = Effect.fnUntraced(function* (userId: UserId) {
        const found = yield* repo.find(userId)
        return Option.isSome(found) ? found.value : yield* new UserNotFound()
      })

      // The stored quiet hours matter only where the patch sets one end and leaves the other.
      const judge = Effect.fnUntraced(function* (userId: UserId, patch: PreferencesPatch) {
        const { doNotDisturbEnd: end, doNotDisturbStart: start } = patch
        if (start === undefined && end === undefined) return
        const merged =
          start !== undefined && end !== undefined
            ? { doNotDisturbStart: start, doNotDisturbEnd: end }
            : { ...(yield* stored(userId)), ...patch }
        const problem = contradiction(merged)
        if (problem !== undefined) return yield* problem
      })

      const update = Effect.fn("Preferences.update")(
        (userId: UserId, patch: PreferencesPatch, expected: ReadonlyArray<number> | "any") =>
          changes.change(
            [userId],
            Effect.fnUntraced(function* () {
              yield* judge(userId, patch)
              const updated = yield* repo.update(userId, patch, expected, yield* DateTime.now)
              if (Option.isNone(updated)) {
                return yield* new PreferencesVersionMismatch({ currentVersion: (yield* stored(userId)).version })
              }
              const preferences = updated.value
              return {
                result: preferences,
                events: [new PreferencesUpdated({ userId, preferences })],
                audit: [{ userId, action: "preferences.updated", details: { version: preferences.version } }]
              }
            })
          )
      )

      return { represent, update }
    })
  )
}
