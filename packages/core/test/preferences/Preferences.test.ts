import { assert, describe, it } from "@effect/vitest"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PreferencesUpdated } from "@user-service/domain/DomainEvent"
import { defaultSettings, LocalTime, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import { Effect, Record } from "effect"
import { eventsOf, layer, register } from "../TestCore.ts"

const start = LocalTime.make("22:00:00")
const end = LocalTime.make("07:30:00")
const laterEnd = LocalTime.make("08:00:00")

describe("Preferences.update", () => {
  it.layer(layer())((it) => {
    it.effect("the event that the statement writes is what the caller gets, whatever was set", () =>
      Effect.gen(function* () {
        const { update } = yield* Preferences
        const { userId } = yield* register
        const others = Record.map(
          Object.fromEntries(switches.map((name) => [name, defaultSettings[name]])),
          (on) => !on
        )
        const patches: ReadonlyArray<PreferencesPatch> = [
          {},
          others,
          { frequencyLimit: 0, doNotDisturbStart: start, doNotDisturbEnd: end },
          { doNotDisturbEnd: laterEnd },
          { doNotDisturbStart: null, doNotDisturbEnd: null }
        ]
        const answers = yield* Effect.forEach(patches, (patch) => update(userId, patch, "any"))
        const [, ...told] = yield* eventsOf(userId)
        assert.deepStrictEqual(
          told,
          answers.map((preferences) => new PreferencesUpdated({ userId, preferences }))
        )
        assert.deepInclude(answers[1], others)
        assert.deepInclude(answers[3], { doNotDisturbStart: start, doNotDisturbEnd: laterEnd })
        assert.deepInclude(answers[4], { doNotDisturbStart: null, doNotDisturbEnd: null, version: 6 })
      })
    )
  })
})
