import { Schema } from "effect"
import { Category, Channel, DeliveryDecision, DeliveryRule, NotificationId, SuppressionReason } from "./Delivery.ts"
import { Email } from "./Email.ts"
import { RevocationReason, Session } from "./Session.ts"

/** A session as its user's export shows it. Ended sessions are part of it until they are deleted. */
export class SessionRecord extends Session.extend<SessionRecord>("SessionRecord")({
  revokedAt: Schema.NullOr(Schema.DateTimeUtc),
  revokedReason: Schema.NullOr(RevocationReason)
}) {}

/** The last decision on a delivery that was denied, deferred or allowed again, and what it was made on. */
export class DeliveryDecisionEntry extends Schema.Class<DeliveryDecisionEntry>("DeliveryDecisionEntry")({
  notificationId: NotificationId,
  channel: Channel,
  category: Category,
  decision: DeliveryDecision,
  rule: Schema.NullOr(DeliveryRule),
  until: Schema.NullOr(Schema.DateTimeUtc),
  decidedAt: Schema.DateTimeUtc,
  sendAt: Schema.DateTimeUtc,
  /** The user's offset from UTC then, in minutes. */
  utcOffset: Schema.NullOr(Schema.Int),
  preferencesVersion: Schema.NullOr(Schema.Int),
  frequencyLimit: Schema.NullOr(Schema.Int),
  /** How many notifications the user's day was charged with. */
  chargedCount: Schema.NullOr(Schema.Int)
}) {}

/** An address that gets no more e-mails. */
export class SuppressedAddress extends Schema.Class<SuppressedAddress>("SuppressedAddress")({
  email: Email,
  reason: SuppressionReason,
  createdAt: Schema.DateTimeUtc
}) {}

/**
 * An entry of the audit log about the user. `ip` and `userAgent` are null if somebody else acted, because they are personal
 * data of that person.
 */
export class SecurityLogEntry extends Schema.Class<SecurityLogEntry>("SecurityLogEntry")({
  /** `<feature>.<what happened>`, such as `session.revoked`. */
  action: Schema.String,
  at: Schema.DateTimeUtc,
  ip: Schema.NullOr(Schema.String),
  userAgent: Schema.NullOr(Schema.String),
  details: Schema.Record(Schema.String, Schema.Json)
}) {}
