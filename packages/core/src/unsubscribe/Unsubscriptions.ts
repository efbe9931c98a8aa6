import * as Storage from "@user-service/database/Storage"
import { categorySwitches } from "@user-service/domain/deliveries/DeliveryRules"
import type { Category, Channel } from "@user-service/domain/Delivery"
import type { Email } from "@user-service/domain/Email"
import type { PreferenceAuthor } from "@user-service/domain/PreferenceHistory"
import type {
  Preferences as UserPreferences,
  PreferencesContradictory,
  PreferencesPatch,
  PreferencesVersionMismatch
} from "@user-service/domain/Preferences"
import type { Language, TimeZone } from "@user-service/domain/Profile"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Effect, Layer, Option } from "effect"
import { Preferences } from "../preferences/Preferences.ts"
import { toPreferences } from "../preferences/PreferencesRepo.ts"
import { UnsubscriptionsRepo } from "./UnsubscriptionsRepo.ts"

// A link works without a session, so whoever has the mail may have followed it.
const author: PreferenceAuthor = { source: "unsubscribe", actor: null }

/** A user, as the pages behind links need them. */
export interface LinkedUser {
  readonly email: Email
  readonly language: Language
  readonly timezone: TimeZone
  readonly preferences: UserPreferences
}

/** A category of a channel of a user, and whether it is to be on. */
export interface CategorySwitch {
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  readonly isOn: boolean
}

/** Reads and changes preferences by links in mails, without a session. The caller has verified the link. */
export class Unsubscriptions extends Context.Service<
  Unsubscriptions,
  {
    /** None if the user was erased. */
    readonly find: (userId: UserId) => Effect.Effect<Option.Option<LinkedUser>, ServiceUnavailable>
    /** Sets the switch. Idempotent: a switch that has the value already, or an erased user, changes nothing. */
    readonly setSwitch: (change: CategorySwitch) => Effect.Effect<void, ServiceUnavailable>
    /** Applies the patch to the preferences of this version, under the rules of `Preferences.update`. */
    readonly save: (
      userId: UserId,
      patch: PreferencesPatch,
      version: number
    ) => Effect.Effect<
      UserPreferences,
      PreferencesContradictory | PreferencesVersionMismatch | UserNotFound | ServiceUnavailable
    >
  }
>()("@user-service/core/unsubscribe/Unsubscriptions") {
  static readonly layerNoDeps = Layer.effect(
    Unsubscriptions,
    Effect.gen(function* () {
      const storage = yield* Storage.Storage
      const repo = yield* UnsubscriptionsRepo
      const { update } = yield* Preferences

      const find = Effect.fn("Unsubscriptions.find")(function* (userId: UserId) {
        return Option.map(
          yield* storage.read(repo.find(userId)),
          ({ email, language, timezone, ...row }): LinkedUser => ({
            email,
            language,
            timezone,
            preferences: toPreferences(row)
          })
        )
      })

      const setSwitch = Effect.fn("Unsubscriptions.setSwitch")(function* (change: CategorySwitch) {
        const { category, channel, isOn, userId } = change
        const name = categorySwitches[channel][category]
        // Repeated until no other change came between the read and the update.
        while (true) {
          const user = yield* find(userId)
          if (Option.isNone(user) || user.value.preferences[name] === isOn) return
          const isDone = yield* update({
            userId,
            patch: { [name]: isOn },
            expected: [user.value.preferences.version],
            author
          }).pipe(
            Effect.as(true),
            Effect.catchTags({
              PreferencesVersionMismatch: () => Effect.succeed(false),
              UserNotFound: () => Effect.succeed(true),
              // The rules are about quiet hours, which this patch does not touch.
              PreferencesContradictory: Effect.die
            })
          )
          if (isDone) return
        }
      })

      return {
        find,
        setSwitch,
        save: (userId, patch, version) => update({ userId, patch, expected: [version], author })
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([UnsubscriptionsRepo.layer, Preferences.layer]))
}
