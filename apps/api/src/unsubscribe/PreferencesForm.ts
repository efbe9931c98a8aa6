import { contradiction, type Preferences, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import type { Problems } from "@user-service/schema/Envelope"
import { PreferencesInput } from "@user-service/schema/Preferences"
import { Effect, Schema, String, Struct } from "effect"
import { problemsOf } from "../endpoints/Problems.ts"
import type { FormFields } from "./FormFields.ts"

const decode = Schema.decodeUnknownEffect(PreferencesInput, { errors: "all" })

// A browser sends nothing for a switch that is off. Those of security are not part of the form.
const formSwitches = switches.filter((name) => !name.endsWith("Security")).map(String.camelToSnake)

const quietTimes = ["do_not_disturb_start", "do_not_disturb_end"] as const

/** The changes that a form makes to the preferences, without those that have their value already; or the problems by field. */
export const preferencesPatch = Effect.fnUntraced(function* (fields: FormFields, preferences: Preferences) {
  const input = Object.fromEntries<string | boolean | null>([
    ...formSwitches.map((name) => [name, fields.has(name)] as const),
    ...quietTimes.map((name) => [name, fields.get(name) || null] as const)
  ])
  return yield* Effect.match(decode(input), {
    onFailure: ({ issue }): { readonly problems: Problems } => ({ problems: problemsOf(issue) }),
    onSuccess: (patch) => {
      const problem = contradiction({ ...preferences, ...patch })
      return problem === undefined
        ? { patch: changesOf(patch, preferences) }
        : { problems: { [String.camelToSnake(problem.field)]: [problem.message] } }
    }
  })
})

const changesOf = (patch: PreferencesPatch, preferences: Preferences): PreferencesPatch =>
  Struct.omit(
    patch,
    Struct.keys(patch).filter((name) => patch[name] === preferences[name])
  )
