import * as Storage from "@user-service/database/Storage"
import { categorySwitches, securitySwitches } from "@user-service/domain/deliveries/DeliveryRules"
import type { Channel } from "@user-service/domain/Delivery"
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
import type { UnsubscribeCategory } from "@user-service/security/UnsubscribeTokens"
import { Context, Data, Effect, Layer, Option } from "effect"
import { Preferences } from "../preferences/Preferences.ts"
import { toPreferences } from "../preferences/PreferencesRepo.ts"
import { type SwitchName, type SwitchRow, UnsubscriptionsRepo } from "./UnsubscriptionsRepo.ts"

// A link works without a session, so whoever has the mail may have followed it.
const author: PreferenceAuthor = { source: "unsubscribe", actor: null }

/** A user, as the pages behind links need them. */
export interface LinkedUser {
  readonly email: Email
  readonly language: Language
  readonly timezone: TimeZone
  readonly preferences: UserPreferences
}

/** A category of a channel of a user. */
export interface LinkedCategory {
  readonly userId: UserId
  readonly channel: Channel
  readonly category: UnsubscribeCategory
}

/** The switch of a {@link LinkedCategory}. */
export interface LinkedSwitch {
  readonly language: Language
  readonly isOn: boolean
  /** Whether its newest change was made by a link. Undo must not override a later choice. */
  readonly isUndoable: boolean
}

/** A link may not change these switches, because security notifications obey them. */
export class SwitchesProtected extends Data.TaggedError("SwitchesProtected")<{
  readonly switches: ReadonlyArray<SwitchName>
}> {}

/** Reads and changes preferences by links in mails, without a session. The caller has verified the link. */
export class Unsubscriptions extends Context.Service<
  Unsubscriptions,
  {
    /** None if the user was erased. */
    readonly find: (userId: UserId) => Effect.Effect<Option.Option<LinkedUser>, ServiceUnavailable>
    /** None if the user was erased. */
    readonly findSwitch: (category: LinkedCategory) => Effect.Effect<Option.Option<LinkedSwitch>, ServiceUnavailable>
    /** Switches the category off, and answers the switch afterwards. Idempotent. None if the user was erased. */
    readonly switchOff: (category: LinkedCategory) => Effect.Effect<Option.Option<LinkedSwitch>, ServiceUnavailable>
    /**
     * Switches the category on if its newest change was made by a link; otherwise the switch stays. Answers the switch
     * afterwards. None if the user was erased.
     */
    readonly undo: (category: LinkedCategory) => Effect.Effect<Option.Option<LinkedSwitch>, ServiceUnavailable>
    /**
     * Applies the patch to the preferences of this version, under the rules of `Preferences.update`. Fails with
     * `SwitchesProtected` if the patch names a switch that security notifications obey.
     */
    readonly save: (
      userId: UserId,
      patch: PreferencesPatch,
      version: number
    ) => Effect.Effect<
      UserPreferences,
      SwitchesProtected | PreferencesContradictory | PreferencesVersionMismatch | UserNotFound | ServiceUnavailable
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

      const read = ({ category, channel, userId }: LinkedCategory) =>
        storage.read(repo.findSwitch(userId, categorySwitches[channel][category]))

      const findSwitch = Effect.fn("Unsubscriptions.findSwitch")((category: LinkedCategory) =>
        Effect.map(read(category), Option.map(linkedSwitch))
      )

      // The history gets its row in the statement that increments the version. So if the version is still the one that was read,
      // there is no later choice either. Otherwise the loop reads again.
      const setSwitch = Effect.fnUntraced(function* (category: LinkedCategory, isOn: boolean) {
        while (true) {
          const row = yield* read(category)
          if (Option.isNone(row)) return Option.none()
          const before = linkedSwitch(row.value)
          if (before.isOn === isOn || (isOn && !before.isUndoable)) return Option.some(before)
          const after = yield* update({
            userId: category.userId,
            patch: { [categorySwitches[category.channel][category.category]]: isOn },
            expected: [row.value.version],
            author
          }).pipe(
            Effect.as(Option.some<LinkedSwitch>({ ...before, isOn, isUndoable: true })),
            Effect.catchTags({
              PreferencesVersionMismatch: () => Effect.undefined,
              UserNotFound: () => Effect.succeed(Option.none<LinkedSwitch>()),
              // The rules are about quiet hours, which this patch does not touch.
              PreferencesContradictory: Effect.die
            })
          )
          if (after !== undefined) return after
        }
      })

      const save = Effect.fn("Unsubscriptions.save")(function* (
        userId: UserId,
        patch: PreferencesPatch,
        version: number
      ) {
        const names = securitySwitches.filter((name) => name in patch)
        if (names.length > 0) return yield* new SwitchesProtected({ switches: names })
        return yield* update({ userId, patch, expected: [version], author })
      })

      return {
        find,
        findSwitch,
        switchOff: Effect.fn("Unsubscriptions.switchOff")((category: LinkedCategory) => setSwitch(category, false)),
        undo: Effect.fn("Unsubscriptions.undo")((category: LinkedCategory) => setSwitch(category, true)),
        save
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([UnsubscriptionsRepo.layer, Preferences.layer]))
}

const linkedSwitch = ({ isOn, language, source }: SwitchRow): LinkedSwitch => ({
  language,
  isOn,
  isUndoable: source === "unsubscribe"
})
