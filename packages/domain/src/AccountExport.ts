import { Schema } from "effect"
import { SuppressionReason } from "./Delivery.ts"
import { Email } from "./Email.ts"
import { RevocationReason, Session } from "./Session.ts"

/** A session as its user's export shows it. Ended sessions are part of it until they are deleted. */
export class SessionRecord extends Session.extend<SessionRecord>("SessionRecord")({
  revokedAt: Schema.NullOr(Schema.DateTimeUtc),
  revokedReason: Schema.NullOr(RevocationReason)
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
