import { securitySwitches } from "@user-service/domain/deliveries/DeliveryRules"
import { contradiction, type Preferences, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import type { Problems } from "@user-service/schema/Envelope"
import { PreferencesInput } from "@user-service/schema/Preferences"
import { Effect, Schema, String, Struct } from "effect"
import { problemsOf } from "../endpoints/Problems.ts"
import type { FormFields } from "./FormFields.ts"

const decode = Schema.decodeUnknownEffect(PreferencesInput, { errors: "all" })

// The form does not send these. A request that sends one of them anyway gets a refusal instead of a false "saved".
const fixedSwitches: ReadonlyArray<string> = securitySwitches.map(String.camelToSnake)

// A browser sends nothing for a switch that is off.
const formSwitches = switches.map(String.camelToSnake).filter((name) => !fixedSwitches.includes(name))

const quietTimes = ["do_not_disturb_start", "do_not_disturb_end"] as const

/** The changes that a form makes to the preferences, without those that have their value already; or the problems by field. */
export const preferencesPatch = Effect.fnUntraced(function* (fields: FormFields, preferences: Preferences) {
  const input = Object.fromEntries<string | boolean | null>([
    ...formSwitches.map((name) => [name, fields.has(name)] as const),
    ...fixedSwitches.flatMap((name) => (fields.has(name) ? [[name, isOn(fields.get(name))] as const] : [])),
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

const isOn = (value = ""): boolean => !/^(?:off|false|0|)$/i.test(value)

const changesOf = (patch: PreferencesPatch, preferences: Preferences): PreferencesPatch =>
  Struct.omit(
    patch,
    Struct.keys(patch).filter((name) => patch[name] === preferences[name])
  )
