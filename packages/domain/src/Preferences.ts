import { Record, Schema, Struct } from "effect"

/** A time of day on the user's own clock, `HH:MM:SS`. */
export const LocalTime = Schema.String.check(
  Schema.isPattern(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/u, { message: "Enter a valid time: HH:MM or HH:MM:SS." })
).pipe(Schema.brand("LocalTime"))
export type LocalTime = typeof LocalTime.Type

/** How many notifications, over both channels, a local day may bring; 0 stops them. */
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
  /** Quiet from here ... */
  doNotDisturbStart: Schema.NullOr(LocalTime),
  /** ... to here, over midnight when the end is the earlier one. */
  doNotDisturbEnd: Schema.NullOr(LocalTime),
  frequencyLimit: FrequencyLimit
} as const

/** What a user chooses about how they are reached. */
export class PreferenceSettings extends Schema.Class<PreferenceSettings>("PreferenceSettings")(settings) {}

/** A user's stored settings. `version` rises with each change and is the strong `ETag` of the resource. */
export class Preferences extends Schema.Class<Preferences>("Preferences")({
  id: Schema.String,
  ...settings,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc,
  version: Schema.Int
}) {}

/** What a new user starts with: everything but marketing pushes. */
export const defaultSettings = new PreferenceSettings({
  ...Record.map(switchFields, () => true),
  pushMarketing: false,
  doNotDisturbStart: null,
  doNotDisturbEnd: null,
  frequencyLimit: 50
})

/** Settings to change; an absent one stays. */
export const PreferencesPatch = Schema.Struct(Struct.map(settings, Schema.optionalKey))
export type PreferencesPatch = typeof PreferencesPatch.Type

/** Settings that contradict each other once merged with those that stand. */
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

/** The preferences changed since the version the caller named (RFC 9110, section 13.1.1). */
export class PreferencesVersionMismatch extends Schema.TaggedError<PreferencesVersionMismatch>()(
  "PreferencesVersionMismatch",
  { currentVersion: Schema.Int },
  { httpApiStatus: 412 }
) {
  override get message() {
    return "The preferences were changed meanwhile"
  }
}

/** What is wrong with the quiet hours of merged settings: both ends or neither, and never equal. */
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
