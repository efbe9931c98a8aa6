import { DateTime } from "effect"
import type { Category, Channel, DeliveryRule } from "../Delivery.ts"
import type { PreferenceSettings } from "../Preferences.ts"
import { quietHours, quietUntil } from "../QuietHours.ts"
import { nextMidnight, wallClock } from "../WallClock.ts"

/** A notification to decide about. */
export interface RuleQuery {
  readonly channel: Channel
  readonly category: Category
  readonly at: DateTime.Utc
}

/** The data of a user that the rules need. */
export interface Recipient {
  readonly isActive: boolean
  /** Whether the e-mail address must not be written to, after a hard bounce or a complaint. */
  readonly isSuppressed: boolean
  readonly hasPushTokens: boolean
  readonly timezone: string
  readonly preferences: typeof PreferenceSettings.Type
}

export type Decision =
  | { readonly decision: "allow"; readonly rule: null; readonly until: null }
  | { readonly decision: "deny"; readonly rule: DeliveryRule; readonly until: null }
  /** Resolve the delivery again, not before `until`. */
  | { readonly decision: "defer"; readonly rule: DeliveryRule; readonly until: DateTime.Utc }

const allow: Decision = { decision: "allow", rule: null, until: null }

export const deny = (rule: DeliveryRule): Decision => ({ decision: "deny", rule, until: null })

const defer = (rule: DeliveryRule, until: number): Decision => ({
  decision: "defer",
  rule,
  until: DateTime.makeUnsafe(until)
})

/** Whether quiet hours and the daily quota apply to the category. They do not apply to security notifications. */
export const isCounted = (category: Category): boolean => category !== "security"

/** The switch of each channel. */
export const channelSwitches = { email: "emailEnabled", push: "pushEnabled" } as const

/** The switch of each category of each channel. */
export const categorySwitches = {
  email: {
    marketing: "emailMarketing",
    transactional: "emailTransactional",
    security: "emailSecurity",
    system: "emailSystem"
  },
  push: {
    marketing: "pushMarketing",
    transactional: "pushTransactional",
    security: "pushSecurity",
    system: "pushSystem"
  }
} as const

/** The switches that security notifications obey. Without a session nobody may change them. */
export const securitySwitches = [
  channelSwitches.email,
  categorySwitches.email.security,
  channelSwitches.push,
  categorySwitches.push.security
] as const

/**
 * Applies the rules; the first one that matches decides. `isFull` is whether the daily quota of the user's local day is exhausted without
 * this notification.
 */
export const decide = (recipient: Recipient | undefined, query: RuleQuery, isFull: boolean): Decision => {
  if (recipient === undefined) return deny("user_unknown")
  const { category, channel } = query
  const { isActive, isSuppressed, preferences } = recipient
  if (!isActive) return deny("user_inactive")
  if (!preferences[channelSwitches[channel]]) return deny("channel_disabled")
  if (!preferences[categorySwitches[channel][category]]) return deny("category_disabled")
  if (channel === "email" && isSuppressed) return deny("suppressed")
  if (channel === "push" && !recipient.hasPushTokens) return deny("no_address")
  return isCounted(category) ? decideTime(recipient, query.at.epochMilliseconds, isFull) : allow
}

const decideTime = ({ preferences, timezone }: Recipient, at: number, isFull: boolean): Decision => {
  const clock = wallClock(timezone)
  const hours = quietHours(preferences)
  const afterQuiet = (instant: number) => (hours === undefined ? instant : quietUntil(clock, hours, instant))
  const quietEnd = afterQuiet(at)
  if (quietEnd > at) return defer("do_not_disturb", quietEnd)
  if (preferences.frequencyLimit === 0) return deny("frequency_limit")
  return isFull ? defer("frequency_limit", afterQuiet(nextMidnight(clock, at))) : allow
}
