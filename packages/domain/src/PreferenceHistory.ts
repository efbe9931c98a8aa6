import { Schema } from "effect"
import { UserId } from "./User.ts"

/** Through what a user's preferences were changed. `unsubscribe` is the link in an e-mail, which needs no login. */
export const PreferenceSource = Schema.Literals(["user", "unsubscribe", "admin", "complaint", "import"])
export type PreferenceSource = typeof PreferenceSource.Type

/** Who changes preferences, and through what. The actor is null where no account acts, as with a link in an e-mail. */
export interface PreferenceAuthor {
  readonly source: PreferenceSource
  readonly actor: UserId | null
}

/** The value of a setting. */
export const SettingValue = Schema.NullOr(Schema.Union([Schema.Boolean, Schema.Int, Schema.String]))

/** The changed settings by their domain names, each with its value before and after. */
export const SettingChanges = Schema.Record(Schema.String, Schema.Tuple([SettingValue, SettingValue]))
export type SettingChanges = typeof SettingChanges.Type

/** One change of a user's preferences. `version` is the version of the preferences after it. */
export class PreferenceChange extends Schema.Class<PreferenceChange>("PreferenceChange")({
  at: Schema.DateTimeUtc,
  source: PreferenceSource,
  actor: Schema.NullOr(UserId),
  version: Schema.Int,
  changes: SettingChanges
}) {}
