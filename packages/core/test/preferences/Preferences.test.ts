import { assert, describe, it } from "@effect/vitest"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PreferencesUpdated } from "@user-service/domain/DomainEvent"
import { defaultSettings, LocalTime, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import { Effect, Record } from "effect"
import { SqlClient } from "effect/sql"
import { eventsOf, layer, register, tagOf } from "../TestCore.ts"

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
        const answers = yield* Effect.forEach(patches, (patch) => update({ userId, patch }))
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

    it.effect("the history has the settings that a change gave another value, with its author", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { update } = yield* Preferences
        const { userId } = yield* register
        yield* update({
          userId,
          patch: { emailMarketing: false, frequencyLimit: 50, doNotDisturbStart: start, doNotDisturbEnd: end }
        })
        yield* update({ userId, patch: { emailMarketing: true }, author: { source: "unsubscribe", actor: null } })
        assert.strictEqual(
          yield* tagOf(update({ userId, patch: { emailMarketing: false }, expected: [1] })),
          "PreferencesVersionMismatch"
        )
        assert.deepStrictEqual(
          yield* sql`
            select version::int, source, actor_id as actor, changes from preference_history
            where user_id = ${userId} order by version`,
          [
            {
              version: 2,
              source: "user",
              actor: userId,
              changes: {
                emailMarketing: [true, false],
                doNotDisturbStart: [null, start],
                doNotDisturbEnd: [null, end]
              }
            },
            { version: 3, source: "unsubscribe", actor: null, changes: { emailMarketing: [false, true] } }
          ]
        )
      })
    )

    it.effect("a change that changes no setting has no entry in the history", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { update } = yield* Preferences
        const { userId } = yield* register
        for (const patch of [{}, { emailEnabled: true }, { doNotDisturbStart: null, doNotDisturbEnd: null }]) {
          yield* update({ userId, patch })
        }
        assert.deepStrictEqual(yield* sql`select * from preference_history where user_id = ${userId}`, [])
      })
    )
  })
})
