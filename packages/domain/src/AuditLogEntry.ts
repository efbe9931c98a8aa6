import { Schema } from "effect"
import { UserId } from "./User.ts"

/** An entry of the audit log as staff sees it. */
export class AuditLogEntry extends Schema.Class<AuditLogEntry>("AuditLogEntry")({
  id: Schema.String.check(Schema.isUUID()),
  /** The user whom it is about, who may have been erased. Null for acts that are about no single user. */
  userId: Schema.NullOr(UserId),
  /** Who acted: the user, or a member of staff. Null for the service itself. */
  actorId: Schema.NullOr(UserId),
  /** `<feature>.<what happened>`, such as `session.revoked`. */
  action: Schema.String,
  ip: Schema.NullOr(Schema.String),
  userAgent: Schema.NullOr(Schema.String),
  details: Schema.Record(Schema.String, Schema.Json),
  createdAt: Schema.DateTimeUtc
}) {}
