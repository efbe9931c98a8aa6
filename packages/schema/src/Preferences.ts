import {
  defaultSettings,
  FrequencyLimit,
  LocalTime,
  type Preferences,
  PreferencesPatch,
  switches,
  switchFields
} from "@user-service/domain/Preferences"
import { Schema, SchemaTransformation, String, Struct } from "effect"
import { Count } from "./Count.ts"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import { decodeToDomain, onWire, type OnWire } from "./WireNames.ts"

const quietFrom = { description: "When the quiet hours begin, on the user's own clock." }
const quietTo = { description: "When the quiet hours end: the next morning where that is the earlier time." }
const perDay = { description: "How many notifications a local day may bring, over both channels." }

/** The preferences that the document shows. */
export const preferencesExample = {
  id: "0193a5c2-7b1c-7a90-b2d4-0f6c9e3b8d15",
  ...onWire(Struct.pick(defaultSettings, switches)),
  do_not_disturb_start: "22:00:00",
  do_not_disturb_end: "07:00:00",
  frequency_limit: 50,
  created_at: "2026-11-23T08:15:00.000Z",
  updated_at: "2026-11-24T10:02:00.000Z"
}

/** How a user wants to be reached. */
export const PreferencesBody = Schema.Struct({
  id: Id,
  ...onWire(switchFields),
  do_not_disturb_start: Schema.NullOr(Schema.String).annotateKey(quietFrom),
  do_not_disturb_end: Schema.NullOr(Schema.String).annotateKey(quietTo),
  frequency_limit: Count.annotateKey(perDay),
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({
  identifier: "Preferences",
  description: "How a user wants to be reached: a switch for each channel, and for each channel and category.",
  examples: [preferencesExample]
})

const switchNames = switches.map((name) => [name, String.camelToSnake(name)] as const)

// A loop over known names: `Struct.renameKeys` takes 8 µs more, and every change and every cached copy has this body.
const switchesOnWire = (preferences: Preferences) => {
  const body: Record<string, boolean> = {}
  for (const [name, wireName] of switchNames) body[wireName] = preferences[name]
  return body as OnWire<Pick<Preferences, (typeof switches)[number]>>
}

/** A user's preferences in wire form. */
export const preferencesBody = (preferences: Preferences): typeof PreferencesBody.Type => ({
  id: preferences.id,
  ...switchesOnWire(preferences),
  do_not_disturb_start: preferences.doNotDisturbStart,
  do_not_disturb_end: preferences.doNotDisturbEnd,
  frequency_limit: preferences.frequencyLimit,
  created_at: timestamp(preferences.createdAt),
  updated_at: timestamp(preferences.updatedAt)
})

const LocalTimeInput = Schema.String.check(
  Schema.isPattern(/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/u, { message: "Enter a valid time: HH:MM or HH:MM:SS." })
).pipe(
  Schema.decodeTo(
    LocalTime,
    SchemaTransformation.transform({
      decode: (text) => (text.length === 5 ? `${text}:00` : text),
      encode: (text) => text
    })
  )
)

/** Any subset of the settings; an absent one stays. Decoded to a `PreferencesPatch`. */
export const PreferencesInput = Schema.Struct({
  ...Struct.map(onWire(switchFields), Schema.optionalKey),
  do_not_disturb_start: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietFrom),
  do_not_disturb_end: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietTo),
  frequency_limit: Schema.optionalKey(FrequencyLimit).annotateKey(perDay)
})
  .annotate({
    identifier: "PreferencesInput",
    description: "The settings to change. One that is absent stays as it is."
  })
  .pipe(decodeToDomain(PreferencesPatch))
