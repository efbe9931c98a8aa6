import { Cache, type Entry } from "@user-service/cache/Cache"
import * as Storage from "@user-service/database/Storage"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { PreferenceAuthor, PreferenceChange } from "@user-service/domain/PreferenceHistory"
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
import { preferencesKey } from "../cached/CacheKeys.ts"
import { CacheSettings } from "../cached/CacheSettings.ts"
import { Changes } from "../changes/Changes.ts"
import { Representations } from "../cached/Representations.ts"
import { PreferenceHistoryRepo } from "./PreferenceHistoryRepo.ts"
import { type ExpectedVersions, PreferencesRepo, toPreferences } from "./PreferencesRepo.ts"

/** A change of a user's preferences. */
export interface PreferencesUpdate {
  readonly userId: UserId
  readonly patch: PreferencesPatch
  /** Default: any version. */
  readonly expected?: ExpectedVersions
  /** Default: the user. */
  readonly author?: PreferenceAuthor
}

/** Reads and changes the notification preferences of users. */
export class Preferences extends Context.Service<
  Preferences,
  {
    /** The cached text of the preferences (see `Representations`) with their version. */
    readonly represent: (userId: UserId) => Effect.Effect<Entry, UserNotFound | ServiceUnavailable>
    /**
     * Applies the patch if the stored version is an expected one. The rules apply to the merged preferences. Fails with
     * `PreferencesContradictory` if they are violated, and with `PreferencesVersionMismatch` for another version. The history
     * of the preferences gets an entry in the same transaction, unless all settings keep their values.
     */
    readonly update: (
      update: PreferencesUpdate
    ) => Effect.Effect<
      UserPreferences,
      PreferencesContradictory | PreferencesVersionMismatch | UserNotFound | ServiceUnavailable
    >
    /** The changes of the user's preferences, the newest first. */
    readonly history: (
      userId: UserId,
      request: PageRequest
    ) => Effect.Effect<Page<PreferenceChange>, ServiceUnavailable>
  }
>()("@user-service/core/preferences/Preferences") {
  static readonly layerNoDeps = Layer.effect(
    Preferences,
    Effect.gen(function* () {
      const cache = yield* Cache
      const repo = yield* PreferencesRepo
      const historyRepo = yield* PreferenceHistoryRepo
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

      const find = Effect.fnUntraced(function* (userId: UserId) {
        const found = yield* storage.read(repo.find(userId))
        return Option.isSome(found) ? found.value : yield* new UserNotFound()
      })

      const update = Effect.fn("Preferences.update")(function* ({
        author,
        expected = "any",
        patch,
        userId
      }: PreferencesUpdate) {
        const isExpected = (version: number) => includes(expected, version)
        const { doNotDisturbEnd: end, doNotDisturbStart: start } = patch
        while (true) {
          // A patch with only one end of the quiet hours is checked with the stored other end, and applied only to that version.
          const stored = (start === undefined) === (end === undefined) ? undefined : yield* find(userId)
          const problem = contradiction({ doNotDisturbStart: null, doNotDisturbEnd: null, ...stored, ...patch })
          if (problem !== undefined) return yield* problem
          const versions = stored === undefined ? expected : [stored.version].filter(isExpected)
          const now = yield* DateTime.now
          const updated = yield* changes.changeByStatement(
            userId,
            repo.updateStatement({
              userId,
              patch,
              expected: versions,
              author: author ?? { source: "user", actor: userId },
              now
            })
          )
          if (Option.isSome(updated)) return toPreferences(updated.value)
          const { version } = yield* find(userId)
          if (stored === undefined || !isExpected(version)) {
            return yield* new PreferencesVersionMismatch({ currentVersion: version })
          }
        }
      })

      const history = Effect.fn("Preferences.history")((userId: UserId, request: PageRequest) =>
        storage.read(historyRepo.page(userId, request))
      )

      return { represent, update, history }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([PreferencesRepo.layer, PreferenceHistoryRepo.layer, Changes.layer])
  )
}

const includes = (expected: ExpectedVersions, version: number): boolean => {
  if (expected === "any") return true
  return "not" in expected ? !expected.not.includes(version) : expected.includes(version)
}
