import { Category, Channel, DeliveryDecision, DeliveryRule, DeliveryStatus } from "@user-service/domain/Delivery"
import type {
  ExplainedDecision,
  ExplainedDelivery,
  ExplainedNotification
} from "@user-service/domain/deliveries/DeliveryExplanation"
import { RuleFact } from "@user-service/domain/deliveries/DeliveryRules"
import { Schema } from "effect"
import { DeliveryBody, deliveryBody } from "./Delivery.ts"
import { UserIdBody } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

export const RuleCheckBody = Schema.Struct({
  rule: DeliveryRule,
  passed: Schema.NullOr(Schema.Boolean).annotateKey({
    description: "False for the rule that decided. Null if an earlier rule decided."
  }),
  facts: Schema.Array(RuleFact).annotateKey({
    description: "What the rule depends on. A value is null if it is unknown, or was not recorded with the decision."
  }),
  until: Schema.NullOr(Timestamp).annotateKey({ description: "If the rule defers the delivery." })
}).annotate({
  identifier: "RuleCheck",
  description: "A rule of a decision on a delivery."
})

const decisionExample = {
  channel: "email",
  category: "marketing",
  decision: "deny",
  rule: "category_disabled",
  until: null,
  decided_at: "2026-12-01T10:02:00.000Z",
  at: "2026-12-01T10:02:00.000Z",
  preferences_version: 7,
  checks: [
    { rule: "user_unknown", passed: true, facts: [{ name: "user_exists", value: true }], until: null },
    { rule: "user_inactive", passed: true, facts: [{ name: "is_active", value: true }], until: null },
    { rule: "channel_disabled", passed: true, facts: [{ name: "email_enabled", value: true }], until: null },
    { rule: "category_disabled", passed: false, facts: [{ name: "email_marketing", value: false }], until: null },
    { rule: "suppressed", passed: null, facts: [{ name: "email_suppressed", value: false }], until: null },
    { rule: "no_address", passed: null, facts: [{ name: "channel", value: "email" }], until: null },
    {
      rule: "do_not_disturb",
      passed: null,
      facts: [
        { name: "do_not_disturb_start", value: "22:00:00" },
        { name: "do_not_disturb_end", value: "07:00:00" },
        { name: "local_time", value: "11:02:00" },
        { name: "timezone", value: "Europe/Berlin" }
      ],
      until: null
    },
    {
      rule: "frequency_limit",
      passed: null,
      facts: [
        { name: "frequency_limit", value: 50 },
        { name: "notifications_charged", value: 3 },
        { name: "local_day", value: "2026-12-01" }
      ],
      until: null
    },
    {
      rule: "user_mismatch",
      passed: null,
      facts: [{ name: "notification_of_another_user", value: false }],
      until: null
    }
  ],
  next_step:
    "The user switched off marketing e-mails on 2026-11-30. The user can switch them on, or a member of staff, if the user asks for it."
} as const

export const ExplainedDecisionBody = Schema.Struct({
  channel: Channel,
  category: Category,
  decision: DeliveryDecision,
  rule: Schema.NullOr(DeliveryRule).annotateKey({ description: "The first rule that prevents the delivery." }),
  until: Schema.NullOr(Timestamp).annotateKey({
    description: "When a deferred delivery can be resolved again."
  }),
  decided_at: Timestamp,
  at: Timestamp.annotateKey({ description: "When the notification is to be sent." }),
  preferences_version: Schema.NullOr(Schema.Int).annotateKey({ description: "Null if the user does not exist." }),
  checks: Schema.Array(RuleCheckBody).annotateKey({
    description: "All rules in order, including those that were not reached."
  }),
  next_step: Schema.String.annotateKey({ description: "What staff can do, in a sentence or two." })
}).annotate({
  identifier: "ExplainedDecision",
  description: "A decision on a delivery, and why it was made.",
  examples: [decisionExample]
})

const StatusChangeBody = Schema.Struct({
  status: DeliveryStatus,
  at: Timestamp.annotateKey({ description: "The time of the status, if the sender reported it." })
}).annotate({ identifier: "StatusChange", description: "A status that a delivery had." })

const ExplainedDeliveryBody = Schema.Struct({
  user_id: Schema.NullOr(UserIdBody).annotateKey({ description: "Null after the user is erased." }),
  channel: Schema.NullOr(Channel).annotateKey({
    description: "Null if the notification was not resolved here and no status names the channel."
  }),
  delivery: Schema.NullOr(DeliveryBody).annotateKey({
    description: "The delivery with its status. Null if the notification was never allowed and has no status."
  }),
  statuses: Schema.Array(StatusChangeBody).annotateKey({
    description:
      "The statuses that the delivery had, in the order in which they came. A status only replaces lower ones."
  }),
  decisions: Schema.Array(ExplainedDecisionBody).annotateKey({
    description:
      "The newest first: the last decision that refused or repeated the delivery, kept for 14 days, and the one that allowed it."
  }),
  next_step: Schema.String.annotateKey({ description: "What staff can do, in a sentence or two." })
}).annotate({
  identifier: "ExplainedDelivery",
  description: "What is recorded of a notification to a user over a channel."
})

export const ExplainedNotificationBody = Schema.Struct({
  notification_id: Schema.String,
  deliveries: Schema.Array(ExplainedDeliveryBody).annotateKey({
    description: "By user and channel. Empty if nothing is recorded of the notification."
  })
}).annotate({
  identifier: "ExplainedNotification",
  description: "The recorded decisions on a notification, and the statuses of its deliveries.",
  examples: [
    {
      notification_id: "newsletter-2026-12",
      deliveries: [
        {
          user_id: UserIdBody.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42"),
          channel: "email",
          delivery: null,
          statuses: [],
          decisions: [decisionExample],
          next_step: decisionExample.next_step
        }
      ]
    }
  ]
})

/** An explained decision in wire form. */
export const explainedDecisionBody = (explained: ExplainedDecision): typeof ExplainedDecisionBody.Type => ({
  channel: explained.channel,
  category: explained.category,
  decision: explained.decision,
  rule: explained.rule,
  until: explained.until && timestamp(explained.until),
  decided_at: timestamp(explained.decidedAt),
  at: timestamp(explained.at),
  preferences_version: explained.preferencesVersion,
  checks: explained.checks.map(({ facts, passed, rule, until }) => ({
    rule,
    passed,
    facts,
    until: until && timestamp(until)
  })),
  next_step: explained.nextStep
})

const explainedDeliveryBody = (explained: ExplainedDelivery): typeof ExplainedDeliveryBody.Type => ({
  user_id: explained.userId,
  channel: explained.channel,
  delivery: explained.delivery && deliveryBody(explained.delivery),
  statuses: explained.statuses.map(({ at, status }) => ({ status, at: timestamp(at) })),
  decisions: explained.decisions.map(explainedDecisionBody),
  next_step: explained.nextStep
})

/** An explained notification in wire form. */
export const explainedNotificationBody = (explained: ExplainedNotification): typeof ExplainedNotificationBody.Type => ({
  notification_id: explained.notificationId,
  deliveries: explained.deliveries.map(explainedDeliveryBody)
})
