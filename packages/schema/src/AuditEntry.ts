import type { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import { Schema } from "effect"
import { Id } from "./Id.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import { userExample } from "./User.ts"

/** An entry of the audit log. */
export const AuditEntryBody = Schema.Struct({
  id: Id,
  user_id: Schema.NullOr(Id).annotateKey({
    description: "The user whom it is about, who may be erased. Null if it is about no single user."
  }),
  actor_id: Schema.NullOr(Id).annotateKey({
    description: "Who acted: the user, or a member of staff. Null for the service itself."
  }),
  action: Schema.String.annotateKey({ description: "What happened, as `<feature>.<event>`." }),
  ip: Schema.NullOr(Schema.String),
  user_agent: Schema.NullOr(Schema.String),
  details: Schema.Record(Schema.String, Schema.Json).annotateKey({
    description: "Of acts of staff: the `reason`, and the values `before` and `after`."
  }),
  created_at: Timestamp
}).annotate({
  identifier: "AuditEntry",
  description: "An entry of the audit log. Those of erased users keep only the ids, the action and the time.",
  examples: [
    {
      id: "01936f0c-2f5e-7c3a-9d4b-5e6f7a8b9c0d",
      user_id: userExample.id,
      actor_id: userExample.id,
      action: "user.logged_in",
      ip: "203.0.113.7",
      user_agent: "Mozilla/5.0",
      details: {},
      created_at: "2026-11-24T10:02:00.000Z"
    }
  ]
})

/** An entry of the audit log in wire form. */
export const auditEntryBody = (entry: AuditLogEntry): typeof AuditEntryBody.Type => ({
  id: entry.id,
  user_id: entry.userId,
  actor_id: entry.actorId,
  action: entry.action,
  ip: entry.ip,
  user_agent: entry.userAgent,
  details: entry.details,
  created_at: timestamp(entry.createdAt)
})
