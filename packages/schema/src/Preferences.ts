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

const quietHoursStart = { description: "When the quiet hours begin, in the user's time zone." }
const quietHoursEnd = { description: "When the quiet hours end. On the next day if this is before the start." }
const dailyLimit = { description: "The maximum number of notifications per local day, over both channels." }

/** The example of preferences in the documents. */
export const preferencesExample = {
  id: "0193a5c2-7b1c-7a90-b2d4-0f6c9e3b8d15",
  ...onWire(Struct.pick(defaultSettings, switches)),
  do_not_disturb_start: "22:00:00",
  do_not_disturb_end: "07:00:00",
  frequency_limit: 50,
  created_at: "2026-11-23T08:15:00.000Z",
  updated_at: "2026-11-24T10:02:00.000Z"
}

export const PreferencesBody = Schema.Struct({
  id: Id,
  ...onWire(switchFields),
  do_not_disturb_start: Schema.NullOr(Schema.String).annotateKey(quietHoursStart),
  do_not_disturb_end: Schema.NullOr(Schema.String).annotateKey(quietHoursEnd),
  frequency_limit: Count.annotateKey(dailyLimit),
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({
  identifier: "Preferences",
  description: "A user's notification preferences: a switch for each channel, and for each category of a channel.",
  examples: [preferencesExample]
})

const switchNames = switches.map((name) => [name, String.camelToSnake(name)] as const)

// `Struct.renameKeys` would take 8 µs more for each body, and each change and each cached copy needs one.
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

/** Any subset of the settings. Decoded to a `PreferencesPatch`. */
/** The fields of a change of preferences. */
export const preferencesFields = {
  ...Struct.map(onWire(switchFields), Schema.optionalKey),
  do_not_disturb_start: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietHoursStart),
  do_not_disturb_end: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietHoursEnd),
  frequency_limit: Schema.optionalKey(FrequencyLimit).annotateKey(dailyLimit)
}

export const PreferencesInput = Schema.Struct(preferencesFields)
  .annotate({
    identifier: "PreferencesInput",
    description: "The settings to change. Absent settings keep their values."
  })
  .pipe(decodeToDomain(PreferencesPatch))
