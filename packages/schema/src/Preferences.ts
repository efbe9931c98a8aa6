import { FrequencyLimit, LocalTime, type Preferences, type PreferencesPatch } from "@user-service/domain/Preferences"
import { Schema, SchemaTransformation, Struct } from "effect"
import { Count } from "./Count.ts"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

const switches = {
  email_enabled: Schema.Boolean,
  email_marketing: Schema.Boolean,
  email_transactional: Schema.Boolean,
  email_security: Schema.Boolean,
  email_system: Schema.Boolean,
  push_enabled: Schema.Boolean,
  push_marketing: Schema.Boolean,
  push_transactional: Schema.Boolean,
  push_security: Schema.Boolean,
  push_system: Schema.Boolean
} as const

const quietFrom = { description: "When the quiet hours begin, on the user's own clock." }
const quietTo = { description: "When the quiet hours end: the next morning where that is the earlier time." }
const perDay = { description: "How many notifications a local day may bring, over both channels." }

/** The preferences that the document shows. */
export const preferencesExample = {
  id: "0193a5c2-7b1c-7a90-b2d4-0f6c9e3b8d15",
  email_enabled: true,
  email_marketing: true,
  email_transactional: true,
  email_security: true,
  email_system: true,
  push_enabled: true,
  push_marketing: false,
  push_transactional: true,
  push_security: true,
  push_system: true,
  do_not_disturb_start: "22:00:00",
  do_not_disturb_end: "07:00:00",
  frequency_limit: 50,
  created_at: "2026-11-23T08:15:00.000Z",
  updated_at: "2026-11-24T10:02:00.000Z"
}

/** How a user wants to be reached. */
export const PreferencesBody = Schema.Struct({
  id: Id,
  ...switches,
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

/** A user's preferences in wire form. */
export const preferencesBody = (preferences: Preferences): typeof PreferencesBody.Type => ({
  id: preferences.id,
  email_enabled: preferences.emailEnabled,
  email_marketing: preferences.emailMarketing,
  email_transactional: preferences.emailTransactional,
  email_security: preferences.emailSecurity,
  email_system: preferences.emailSystem,
  push_enabled: preferences.pushEnabled,
  push_marketing: preferences.pushMarketing,
  push_transactional: preferences.pushTransactional,
  push_security: preferences.pushSecurity,
  push_system: preferences.pushSystem,
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

/** Any subset of the settings; an absent one stays. */
export const PreferencesInput = Schema.Struct({
  ...Struct.map(switches, Schema.optionalKey),
  do_not_disturb_start: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietFrom),
  do_not_disturb_end: Schema.optionalKey(Schema.NullOr(LocalTimeInput)).annotateKey(quietTo),
  frequency_limit: Schema.optionalKey(FrequencyLimit).annotateKey(perDay)
}).annotate({
  identifier: "PreferencesInput",
  description: "The settings to change. One that is absent stays as it is."
})

/** The input as the change it asks for. */
export const preferencesPatch: (input: typeof PreferencesInput.Type) => PreferencesPatch = Struct.renameKeys({
  email_enabled: "emailEnabled",
  email_marketing: "emailMarketing",
  email_transactional: "emailTransactional",
  email_security: "emailSecurity",
  email_system: "emailSystem",
  push_enabled: "pushEnabled",
  push_marketing: "pushMarketing",
  push_transactional: "pushTransactional",
  push_security: "pushSecurity",
  push_system: "pushSystem",
  do_not_disturb_start: "doNotDisturbStart",
  do_not_disturb_end: "doNotDisturbEnd",
  frequency_limit: "frequencyLimit"
})
