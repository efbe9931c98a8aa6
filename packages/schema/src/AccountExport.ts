import {
  type DeliveryDecisionEntry,
  type SecurityLogEntry,
  type SessionRecord,
  SuppressedAddress
} from "@user-service/domain/AccountExport"
import { Category, Channel, DeliveryDecision, DeliveryRule } from "@user-service/domain/Delivery"
import { RevocationReason, type SessionId } from "@user-service/domain/Session"
import { Schema } from "effect"
import { DeliveryBody } from "./Delivery.ts"
import { PreferenceChangeBody } from "./PreferenceHistory.ts"
import { PushTokenBody } from "./PushToken.ts"
import { SessionBody, sessionBody } from "./Session.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import { UserBody, userExample } from "./User.ts"

const examplesOf = <A, I>(schema: Schema.Codec<A, I>): ReadonlyArray<A> =>
  Schema.resolveAnnotations(schema)?.examples ?? []

/** A session of an export, with its end. */
export const SessionRecordBody = Schema.Struct({
  ...SessionBody.fields,
  revoked_at: Schema.NullOr(Timestamp).annotateKey({ description: "When the session was ended, if it was." }),
  revoked_reason: Schema.NullOr(RevocationReason)
}).annotate({
  identifier: "SessionRecord",
  description:
    "A session, active or ended. The client address, user agent and device name are hidden if it was opened before the " +
    "password reset that first proved the account's address.",
  examples: examplesOf(SessionBody).map((session) => ({ ...session, revoked_at: null, revoked_reason: null }))
})

/** A session of an export in wire form, as seen from the session `current`. */
export const sessionRecordBody = (session: SessionRecord, current: SessionId): typeof SessionRecordBody.Type => ({
  ...sessionBody(session, current),
  revoked_at: session.revokedAt === null ? null : timestamp(session.revokedAt),
  revoked_reason: session.revokedReason
})

/** A decision on a delivery in an export. */
export const DeliveryDecisionEntryBody = Schema.Struct({
  notification_id: Schema.String,
  channel: Channel,
  category: Category,
  decision: DeliveryDecision,
  rule: Schema.NullOr(DeliveryRule).annotateKey({ description: "The first rule that prevents the delivery." }),
  until: Schema.NullOr(Timestamp).annotateKey({ description: "When a deferred delivery can be resolved again." }),
  decided_at: Timestamp,
  at: Timestamp.annotateKey({ description: "When the notification was to be sent." }),
  utc_offset: Schema.NullOr(Schema.Int).annotateKey({
    description: "The offset from UTC that the user had then, in minutes. Null if it was not recorded."
  }),
  preferences_version: Schema.NullOr(Schema.Int),
  frequency_limit: Schema.NullOr(Schema.Int),
  charged_count: Schema.NullOr(Schema.Int).annotateKey({
    description: "How many notifications had been charged to the user's day. Null if it was not counted."
  })
}).annotate({
  identifier: "DeliveryDecisionEntry",
  description: "The last decision on a notification over a channel that was denied, deferred or allowed again.",
  examples: [
    {
      notification_id: "newsletter-2026-11",
      channel: "email",
      category: "marketing",
      decision: "deny",
      rule: "category_disabled",
      until: null,
      decided_at: "2026-11-24T10:02:00.000Z",
      at: "2026-11-24T10:02:00.000Z",
      utc_offset: 60,
      preferences_version: 7,
      frequency_limit: 50,
      charged_count: null
    }
  ]
})

/** A decision of an export in wire form. */
export const deliveryDecisionEntryBody = (entry: DeliveryDecisionEntry): typeof DeliveryDecisionEntryBody.Type => ({
  notification_id: entry.notificationId,
  channel: entry.channel,
  category: entry.category,
  decision: entry.decision,
  rule: entry.rule,
  until: entry.until && timestamp(entry.until),
  decided_at: timestamp(entry.decidedAt),
  at: timestamp(entry.sendAt),
  utc_offset: entry.utcOffset,
  preferences_version: entry.preferencesVersion,
  frequency_limit: entry.frequencyLimit,
  charged_count: entry.chargedCount
})

/** An address that gets no more e-mails. */
export const SuppressionBody = Schema.Struct({
  email: Schema.String.annotate({ format: "email" }),
  reason: SuppressedAddress.fields.reason,
  created_at: Timestamp
}).annotate({
  identifier: "Suppression",
  description: "An e-mail address that gets no more e-mails, because one bounced or was reported as spam.",
  examples: [{ email: userExample.email, reason: "hard_bounce", created_at: "2026-11-24T10:02:00.000Z" }]
})

/** A suppression in wire form. */
export const suppressionBody = (suppression: SuppressedAddress): typeof SuppressionBody.Type => ({
  email: suppression.email,
  reason: suppression.reason,
  created_at: timestamp(suppression.createdAt)
})

/** An entry of the security log. */
export const SecurityLogEntryBody = Schema.Struct({
  action: Schema.String.annotateKey({ description: "What happened, as `<feature>.<event>`." }),
  at: Timestamp,
  ip: Schema.NullOr(Schema.String).annotateKey({
    description:
      "The client address of the request. Null without a request, if another account made it, or if it was made before the " +
      "password reset that first proved the account's address."
  }),
  user_agent: Schema.NullOr(Schema.String).annotateKey({
    description: "The `User-Agent` of the request. Null where `ip` is hidden, or without a request."
  }),
  details: Schema.Record(Schema.String, Schema.Json).annotateKey({
    description: "Further facts, which depend on the action."
  })
}).annotate({
  identifier: "SecurityLogEntry",
  description: "Something that happened to the account.",
  examples: [
    {
      action: "user.logged_in",
      at: "2026-11-24T10:02:00.000Z",
      ip: "203.0.113.7",
      user_agent: "Notes/4.2 (iOS 19.1)",
      details: {}
    }
  ]
})

/** An entry of the security log in wire form. */
export const securityLogEntryBody = (entry: SecurityLogEntry): typeof SecurityLogEntryBody.Type => ({
  action: entry.action,
  at: timestamp(entry.at),
  ip: entry.ip,
  user_agent: entry.userAgent,
  details: entry.details
})

/** Everything that is stored of a user. */
export const AccountExportBody = Schema.Struct({
  exported_at: Timestamp,
  user: UserBody,
  preferences_history: Schema.Array(PreferenceChangeBody),
  sessions: Schema.Array(SessionRecordBody),
  push_tokens: Schema.Array(PushTokenBody),
  deliveries: Schema.Array(DeliveryBody),
  delivery_decisions: Schema.Array(DeliveryDecisionEntryBody).annotateKey({
    description: "Decisions of the last 14 days that no delivery records, in the order of the ids of the notifications."
  }),
  suppressions: Schema.Array(SuppressionBody),
  security_log: Schema.Array(SecurityLogEntryBody)
}).annotate({
  identifier: "AccountExport",
  description:
    "Everything that is stored of a user, except credentials and push tokens themselves. Lists are newest first, except for the decisions.",
  examples: [
    {
      exported_at: "2026-11-24T10:02:00.000Z",
      user: userExample,
      preferences_history: examplesOf(PreferenceChangeBody),
      sessions: examplesOf(SessionRecordBody),
      push_tokens: examplesOf(PushTokenBody),
      deliveries: examplesOf(DeliveryBody),
      delivery_decisions: examplesOf(DeliveryDecisionEntryBody),
      suppressions: examplesOf(SuppressionBody),
      security_log: examplesOf(SecurityLogEntryBody)
    }
  ]
})

/** The message of the response with an export. */
export const exportedMessage = "Account exported successfully"
