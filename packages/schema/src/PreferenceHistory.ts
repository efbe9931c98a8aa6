import { type PreferenceChange, PreferenceSource, SettingValue } from "@user-service/domain/PreferenceHistory"
import { Record, Schema, String } from "effect"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

// An array and not a tuple, whose JSON Schema has no `items`, which OpenAPI's linters require.
const BeforeAndAfter = Schema.Array(SettingValue).check(Schema.isMinLength(2), Schema.isMaxLength(2))

/** A change of preferences, with settings under their wire names. */
export const PreferenceChangeBody = Schema.Struct({
  at: Timestamp,
  source: PreferenceSource.annotateKey({
    description: "Through what the preferences were changed. `unsubscribe` is the link in an e-mail."
  }),
  actor: Schema.NullOr(Id).annotateKey({
    description: "The account that made the change. Null if no account did, as with the link in an e-mail."
  }),
  version: Schema.Int.annotateKey({ description: "The version of the preferences after the change." }),
  changes: Schema.Record(Schema.String, BeforeAndAfter).annotateKey({
    description: "Each changed setting with its value before and after."
  })
}).annotate({
  identifier: "PreferenceChange",
  description: "A change of a user's notification preferences.",
  examples: [
    {
      at: "2026-11-24T10:02:00.000Z",
      source: "user",
      actor: "0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42",
      version: 7,
      changes: { email_marketing: [true, false], do_not_disturb_start: [null, "22:00:00"] }
    }
  ]
})

/** A change of preferences in wire form. */
export const preferenceChangeBody = (change: PreferenceChange): typeof PreferenceChangeBody.Type => ({
  at: timestamp(change.at),
  source: change.source,
  actor: change.actor,
  version: change.version,
  changes: Record.mapKeys(change.changes, String.camelToSnake)
})
