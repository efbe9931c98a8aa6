import { Record, Schema, Struct } from "effect"

/** A time of day on the user's own clock, `HH:MM:SS`. */
export const LocalTime = Schema.String.check(
  Schema.isPattern(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/u, { message: "Enter a valid time: HH:MM or HH:MM:SS." })
).pipe(Schema.brand("LocalTime"))
export type LocalTime = typeof LocalTime.Type

/** The daily quota: how many notifications, over both channels, a user may get per local day. 0 stops them. */
export const FrequencyLimit = Schema.Int.annotate({ message: "A valid integer is required." }).check(
  Schema.isBetween({ minimum: 0, maximum: 10_000 }, { message: "Ensure this value is between 0 and 10000." })
)

/** The switches by channel, and by channel and category. */
export const switchFields = {
  emailEnabled: Schema.Boolean,
  emailMarketing: Schema.Boolean,
  emailTransactional: Schema.Boolean,
  emailSecurity: Schema.Boolean,
  emailSystem: Schema.Boolean,
  pushEnabled: Schema.Boolean,
  pushMarketing: Schema.Boolean,
  pushTransactional: Schema.Boolean,
  pushSecurity: Schema.Boolean,
  pushSystem: Schema.Boolean
} as const

/** The names of the switches. */
export const switches = Struct.keys(switchFields)

const settings = {
  ...switchFields,
  /** The start of the quiet hours. */
  doNotDisturbStart: Schema.NullOr(LocalTime),
  /** The end of the quiet hours, on the next day if it is before the start. */
  doNotDisturbEnd: Schema.NullOr(LocalTime),
  frequencyLimit: FrequencyLimit
} as const

/** A user's settings for notifications. */
export class PreferenceSettings extends Schema.Class<PreferenceSettings>("PreferenceSettings")(settings) {}

/** A user's stored settings. `version` increases with each change and is the strong `ETag` of the resource. */
export class Preferences extends Schema.Class<Preferences>("Preferences")({
  id: Schema.String,
  ...settings,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc,
  version: Schema.Int
}) {}

/** The settings of a new user: everything but marketing by push. */
export const defaultSettings = new PreferenceSettings({
  ...Record.map(switchFields, () => true),
  pushMarketing: false,
  doNotDisturbStart: null,
  doNotDisturbEnd: null,
  frequencyLimit: 50
})

/** Settings to change. Absent ones stay. */
export const PreferencesPatch = Schema.Struct(Struct.map(settings, Schema.optionalKey))
export type PreferencesPatch = typeof PreferencesPatch.Type

/** The settings contradict each other when merged with the stored ones. */
export class PreferencesContradictory extends Schema.TaggedError<PreferencesContradictory>()(
  "PreferencesContradictory",
  {
    field: Schema.Literals(["doNotDisturbStart", "doNotDisturbEnd"]),
    problem: Schema.String
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return this.problem
  }
}

/** The preferences have changed since the version in the request (RFC 9110, section 13.1.1). */
export class PreferencesVersionMismatch extends Schema.TaggedError<PreferencesVersionMismatch>()(
  "PreferencesVersionMismatch",
  { currentVersion: Schema.Int },
  { httpApiStatus: 412 }
) {
  override get message() {
    return "The preferences were changed meanwhile"
  }
}

/** Checks the quiet hours of merged settings: both ends or neither, and not equal. */
export const contradiction = (
  merged: Pick<PreferenceSettings, "doNotDisturbStart" | "doNotDisturbEnd">
): PreferencesContradictory | undefined => {
  const { doNotDisturbEnd: end, doNotDisturbStart: start } = merged
  if (start === null && end !== null) {
    return new PreferencesContradictory({ field: "doNotDisturbStart", problem: "Required when an end is set." })
  }
  if (start !== null && end === null) {
    return new PreferencesContradictory({ field: "doNotDisturbEnd", problem: "Required when a start is set." })
  }
  if (start !== null && start === end) {
    return new PreferencesContradictory({ field: "doNotDisturbEnd", problem: "Must differ from the start." })
  }
  return undefined
}
