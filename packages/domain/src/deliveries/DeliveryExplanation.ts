import { DateTime, Schema } from "effect"
import {
  Category,
  Channel,
  Delivery,
  DeliveryDecision,
  DeliveryRule,
  NotificationId,
  StatusChange
} from "../Delivery.ts"
import type { PreferenceChange, PreferenceSource } from "../PreferenceHistory.ts"
import { PreferenceSettings } from "../Preferences.ts"
import { UserId } from "../User.ts"
import { categorySwitches, channelSwitches, type Evidence, passedIn, RuleCheck } from "./DeliveryRules.ts"

type Settings = typeof PreferenceSettings.Type

/** A decision on a delivery, and why it was made. */
export class ExplainedDecision extends Schema.Class<ExplainedDecision>("ExplainedDecision")({
  channel: Channel,
  category: Category,
  decision: DeliveryDecision,
  rule: Schema.NullOr(DeliveryRule),
  until: Schema.NullOr(Schema.DateTimeUtc),
  decidedAt: Schema.DateTimeUtc,
  /** When the notification is to be sent. */
  at: Schema.DateTimeUtc,
  /** Null if the user does not exist. */
  preferencesVersion: Schema.NullOr(Schema.Int),
  /** All rules, in order. */
  checks: Schema.Array(RuleCheck),
  /** What staff can do, in a sentence or two. */
  nextStep: Schema.String
}) {}

/** What is recorded of a notification to a user over a channel. */
export class ExplainedDelivery extends Schema.Class<ExplainedDelivery>("ExplainedDelivery")({
  /** Null after the user is erased. */
  userId: Schema.NullOr(UserId),
  /** Null if the notification was not resolved here and no status report named the channel. */
  channel: Schema.NullOr(Channel),
  /** Null if the notification was never allowed here and has no status. */
  delivery: Schema.NullOr(Delivery),
  /** The statuses that the delivery had, in the order in which they came. */
  statuses: Schema.Array(StatusChange),
  /** The newest first. */
  decisions: Schema.Array(ExplainedDecision),
  nextStep: Schema.String
}) {}

/** What is recorded of a notification. */
export class ExplainedNotification extends Schema.Class<ExplainedNotification>("ExplainedNotification")({
  notificationId: NotificationId,
  deliveries: Schema.Array(ExplainedDelivery)
}) {}

/** The change that gave a switch the value that it has in a decision. */
export interface SwitchChange {
  readonly at: DateTime.Utc
  readonly source: PreferenceSource
}

/** The switch that a rule depends on, if it is a rule about a switch. */
export const switchOf = (
  rule: DeliveryRule | null,
  { category, channel }: { readonly channel: Channel; readonly category: Category }
) => {
  if (rule === "channel_disabled") return channelSwitches[channel]
  return rule === "category_disabled" ? categorySwitches[channel][category] : undefined
}

/** The settings before the changes, which are given from the newest to the oldest. */
export const settingsBefore = (current: Settings, changes: ReadonlyArray<PreferenceChange>): Settings => {
  const before = changes.flatMap(({ changes }) =>
    Object.entries(changes).map(([field, [value]]) => [field, value] as const)
  )
  return Schema.decodeUnknownSync(Schema.Struct(PreferenceSettings.fields))({
    ...current,
    ...Object.fromEntries(before)
  })
}

const localTimeOf = (at: DateTime.Utc, utcOffset: number): string =>
  DateTime.formatIso(DateTime.add(at, { minutes: utcOffset })).slice(0, 19)

/** The local date and time, as `YYYY-MM-DDTHH:MM:SS`. Null if the offset from UTC, in minutes, is unknown. */
export const localTime = (at: DateTime.Utc, utcOffset: number | null): string | null =>
  utcOffset === null ? null : localTimeOf(at, utcOffset)

/** What is known of a decision of the past. */
export interface RecordedFacts {
  readonly rule: DeliveryRule | null
  readonly at: DateTime.Utc
  readonly utcOffset: number | null
  readonly frequencyLimit: number | null
  readonly charged: number | null
  /** The settings of the recorded version, null if they are unknown. */
  readonly settings: Settings | null
}

/** The evidence of a decision of the past. What was not recorded is known only as far as it follows from the rule that decided. */
export const recordedEvidence = (recorded: RecordedFacts): Evidence => {
  const { at, charged, frequencyLimit, rule, settings, utcOffset } = recorded
  const failed = (name: DeliveryRule): boolean | null => {
    const passed = passedIn(rule, name)
    return passed === null ? null : !passed
  }
  return {
    isKnownUser: passedIn(rule, "user_unknown"),
    isActive: passedIn(rule, "user_inactive"),
    preferences: settings,
    isSuppressed: failed("suppressed"),
    suppression: null,
    pushTokens: rule === "no_address" ? 0 : null,
    timezone: null,
    localTime: localTime(at, utcOffset),
    frequencyLimit,
    charged,
    isOfAnotherUser: failed("user_mismatch")
  }
}
