import { DateTime, Schema, String } from "effect"
import { type Category, type Channel, DeliveryRule, type SuppressionReason } from "../Delivery.ts"
import type { PreferenceSettings, switchFields } from "../Preferences.ts"
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

const unknownUser = deny("user_unknown")

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

/** A delivery to decide about. The recipient is undefined if the user does not exist. */
export interface DeliveryCase extends RuleQuery {
  readonly recipient: Recipient | undefined
  /** Whether the daily quota of the user's local day is exhausted without this notification. */
  readonly isFull: boolean
  /** Whether the notification's id belongs to the notification of another user. */
  readonly isOfAnotherUser: boolean
}

/**
 * A value that a rule depends on, by its wire name. Null if it is unknown: the user does not exist, or the value was not recorded with
 * a decision of the past.
 */
export const RuleFact = Schema.Struct({
  name: Schema.String,
  value: Schema.NullOr(Schema.Union([Schema.Boolean, Schema.Int, Schema.String]))
})
export type RuleFact = typeof RuleFact.Type

/** What is known of the values that the rules depend on. Null if unknown. */
export interface Evidence {
  readonly isKnownUser: boolean | null
  readonly isActive: boolean | null
  readonly preferences: typeof PreferenceSettings.Type | null
  readonly isSuppressed: boolean | null
  readonly suppression: SuppressionDetails | null
  /** The number of active push tokens. */
  readonly pushTokens: number | null
  readonly timezone: string | null
  /** The user's local date and time of the delivery, as `YYYY-MM-DDTHH:MM:SS`. */
  readonly localTime: string | null
  readonly frequencyLimit: number | null
  /** How many notifications the user's local day was charged with, this one included if it was allowed. */
  readonly charged: number | null
  readonly isOfAnotherUser: boolean | null
}

/** Why and since when an e-mail address is suppressed. */
export interface SuppressionDetails {
  readonly reason: SuppressionReason
  readonly since: DateTime.Utc
}

/** A rule. */
interface Rule {
  readonly name: DeliveryRule
  /** The decision if the rule applies to the case, otherwise null. It is only asked if no earlier rule applies. */
  readonly decide: (delivery: DeliveryCase) => Decision | null
  /** What the rule depends on. */
  readonly facts: (evidence: Evidence, query: Pick<RuleQuery, "channel" | "category">) => ReadonlyArray<RuleFact>
}

const denyIf = (rule: DeliveryRule, applies: (recipient: Recipient, delivery: DeliveryCase) => boolean) => {
  const denial = deny(rule)
  return (delivery: DeliveryCase): Decision | null =>
    delivery.recipient !== undefined && applies(delivery.recipient, delivery) ? denial : null
}

const fact = (name: string, value: RuleFact["value"]): RuleFact => ({ name, value })

const switchFact = (name: keyof typeof switchFields, { preferences }: Evidence) =>
  fact(String.camelToSnake(name), preferences?.[name] ?? null)

const afterQuietHours = ({ preferences, timezone }: Recipient, instant: number): number => {
  const hours = quietHours(preferences)
  return hours === undefined ? instant : quietUntil(wallClock(timezone), hours, instant)
}

/** All rules, in order. The first one that applies decides. */
const rules: ReadonlyArray<Rule> = [
  {
    name: "user_unknown",
    decide: ({ recipient }) => (recipient === undefined ? unknownUser : null),
    facts: ({ isKnownUser }) => [fact("user_exists", isKnownUser)]
  },
  {
    name: "user_inactive",
    decide: denyIf("user_inactive", ({ isActive }) => !isActive),
    facts: ({ isActive }) => [fact("is_active", isActive)]
  },
  {
    name: "channel_disabled",
    decide: denyIf("channel_disabled", ({ preferences }, { channel }) => !preferences[channelSwitches[channel]]),
    facts: (evidence, { channel }) => [switchFact(channelSwitches[channel], evidence)]
  },
  {
    name: "category_disabled",
    decide: denyIf(
      "category_disabled",
      ({ preferences }, { category, channel }) => !preferences[categorySwitches[channel][category]]
    ),
    facts: (evidence, { category, channel }) => [switchFact(categorySwitches[channel][category], evidence)]
  },
  {
    name: "suppressed",
    decide: denyIf("suppressed", ({ isSuppressed }, { channel }) => channel === "email" && isSuppressed),
    facts: ({ isSuppressed, suppression }, { channel }) =>
      channel === "email"
        ? [
            fact("email_suppressed", isSuppressed),
            ...(suppression === null
              ? []
              : [
                  fact("suppression_reason", suppression.reason),
                  fact("suppressed_since", DateTime.formatIso(suppression.since))
                ])
          ]
        : [fact("channel", channel)]
  },
  {
    name: "no_address",
    decide: denyIf("no_address", ({ hasPushTokens }, { channel }) => channel === "push" && !hasPushTokens),
    facts: ({ pushTokens }, { channel }) =>
      channel === "push" ? [fact("push_tokens", pushTokens)] : [fact("channel", channel)]
  },
  {
    name: "do_not_disturb",
    decide: ({ at, category, recipient }) => {
      if (recipient === undefined || !isCounted(category)) return null
      const end = afterQuietHours(recipient, at.epochMilliseconds)
      return end > at.epochMilliseconds ? defer("do_not_disturb", end) : null
    },
    facts: ({ localTime, preferences, timezone }, { category }) =>
      isCounted(category)
        ? [
            fact("do_not_disturb_start", preferences?.doNotDisturbStart ?? null),
            fact("do_not_disturb_end", preferences?.doNotDisturbEnd ?? null),
            fact("local_time", localTime?.slice(11) ?? null),
            fact("timezone", timezone)
          ]
        : [fact("category", category)]
  },
  {
    name: "frequency_limit",
    decide: ({ at, category, isFull, recipient }) => {
      if (recipient === undefined || !isCounted(category)) return null
      if (recipient.preferences.frequencyLimit === 0) return deny("frequency_limit")
      if (!isFull) return null
      const midnight = nextMidnight(wallClock(recipient.timezone), at.epochMilliseconds)
      return defer("frequency_limit", afterQuietHours(recipient, midnight))
    },
    facts: ({ charged, frequencyLimit, localTime }, { category }) =>
      isCounted(category)
        ? [
            fact("frequency_limit", frequencyLimit),
            fact("notifications_charged", charged),
            fact("local_day", localTime?.slice(0, 10) ?? null)
          ]
        : [fact("category", category)]
  },
  {
    name: "user_mismatch",
    decide: denyIf("user_mismatch", (_, { isOfAnotherUser }) => isOfAnotherUser),
    facts: ({ isOfAnotherUser }) => [fact("notification_of_another_user", isOfAnotherUser)]
  }
]

/** Applies the rules; the first one that applies decides. `onRule` is called for each rule that was reached, with its decision. */
export const decide = (
  delivery: DeliveryCase,
  onRule?: (rule: DeliveryRule, decision: Decision | null) => void
): Decision => {
  for (const rule of rules) {
    const decision = rule.decide(delivery)
    onRule?.(rule.name, decision)
    if (decision !== null) return decision
  }
  return allow
}

/** A rule of a decision. */
export class RuleCheck extends Schema.Class<RuleCheck>("RuleCheck")({
  rule: DeliveryRule,
  /** False for the rule that decided. Null if an earlier rule decided. */
  passed: Schema.NullOr(Schema.Boolean),
  /** What the rule depends on. */
  facts: Schema.Array(RuleFact),
  /** If the rule deferred the delivery. */
  until: Schema.NullOr(Schema.DateTimeUtc)
}) {}

const checksOf = (
  evidence: Evidence,
  query: Pick<RuleQuery, "channel" | "category">,
  outcomeOf: (rule: DeliveryRule) => Pick<RuleCheck, "passed" | "until">
): ReadonlyArray<RuleCheck> =>
  rules.map(
    ({ facts, name }) =>
      new RuleCheck({ rule: name, facts: facts(evidence, query), ...outcomeOf(name) }, { disableChecks: true })
  )

const notReached = { passed: null, until: null } as const

/** Decides as {@link decide} does, and explains the decision by all rules in order, including those that were not reached. */
export const trace = (
  delivery: DeliveryCase,
  evidence: Evidence
): { readonly decision: Decision; readonly checks: ReadonlyArray<RuleCheck> } => {
  const outcomes = new Map<DeliveryRule, Pick<RuleCheck, "passed" | "until">>()
  const decision = decide(delivery, (rule, outcome) =>
    outcomes.set(rule, { passed: outcome === null, until: outcome?.until ?? null })
  )
  return { decision, checks: checksOf(evidence, delivery, (rule) => outcomes.get(rule) ?? notReached) }
}

const positions = new Map(rules.map(({ name }, index) => [name, index]))

/** Whether a rule passed in a decision that `decidedBy` made, or that allowed if it is null. Null if the rule was not reached. */
export const passedIn = (decidedBy: DeliveryRule | null, rule: DeliveryRule): boolean | null => {
  if (rule === decidedBy) return false
  return decidedBy === null || (positions.get(rule) ?? 0) < (positions.get(decidedBy) ?? 0) ? true : null
}

/** The rules of a decision of the past, from the rule that decided. */
export const recordedChecks = (
  { rule: decidedBy, until }: Pick<Decision, "rule" | "until">,
  query: Pick<RuleQuery, "channel" | "category">,
  evidence: Evidence
): ReadonlyArray<RuleCheck> =>
  checksOf(evidence, query, (rule) => ({
    passed: passedIn(decidedBy, rule),
    until: rule === decidedBy ? until : null
  }))
