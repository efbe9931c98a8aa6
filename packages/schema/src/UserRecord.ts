import { PreferenceSource } from "@user-service/domain/PreferenceHistory"
import { Role } from "@user-service/domain/Role"
import { type SettingOrigin, type UserLimit, UserLimitName, type UserRecord } from "@user-service/domain/UserRecord"
import type { SessionId } from "@user-service/domain/Session"
import { Schema, String } from "effect"
import { SuppressionBody, suppressionBody } from "./AccountExport.ts"
import { AuditEntryBody, auditEntryBody } from "./AuditEntry.ts"
import { Count } from "./Count.ts"
import { DeliveryBody, deliveryBody } from "./Delivery.ts"
import { Id } from "./Id.ts"
import { PushTokenBody, pushTokenBody } from "./PushToken.ts"
import { SessionBody, sessionBody } from "./Session.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import { UserBody, userBody, userExample } from "./User.ts"

const SettingOriginBody = Schema.Struct({
  setting: Schema.String.annotateKey({ description: "The name of the setting, as in the preferences." }),
  source: PreferenceSource,
  actor: Schema.NullOr(Id).annotateKey({ description: "The account that made the change. Null if no account did." }),
  at: Timestamp
}).annotate({
  identifier: "SettingOrigin",
  description: "The latest change of one setting of a user's notification preferences."
})

const settingOriginBody = (origin: SettingOrigin): typeof SettingOriginBody.Type => ({
  setting: String.camelToSnake(origin.setting),
  source: origin.source,
  actor: origin.actor,
  at: timestamp(origin.at)
})

const UserLimitBody = Schema.Struct({
  name: UserLimitName.annotateKey({
    description:
      "`failed_logins`: the failed logins in a row. Once the limit is reached, networks that the account does not know have one " +
      "attempt an hour. `daily_quota`: the notifications of the user's local day."
  }),
  used: Count,
  limit: Count.annotateKey({ description: "The limit is in force if `used` has reached it." }),
  resets_at: Schema.NullOr(Timestamp).annotateKey({
    description:
      "Of `failed_logins`: until when logins from networks that the account does not know are refused, null if they are not. Of " +
      "`daily_quota`: the end of the user's local day."
  })
}).annotate({ identifier: "UserLimit", description: "How much of a limit of a user is used." })

const userLimitBody = ({ limit, name, resetsAt, used }: UserLimit): typeof UserLimitBody.Type => ({
  name,
  used,
  limit,
  resets_at: resetsAt === null ? null : timestamp(resetsAt)
})

/** A user as staff see them. */
export const UserRecordBody = Schema.Struct({
  user: UserBody,
  role: Schema.NullOr(Role).annotateKey({ description: "Null for users who are not staff." }),
  sessions: Schema.Array(SessionBody),
  push_tokens: Schema.Array(PushTokenBody),
  setting_origins: Schema.Array(SettingOriginBody).annotateKey({
    description: "Which settings were changed since the registration, and by whom. All others have their defaults."
  }),
  suppressions: Schema.Array(SuppressionBody),
  failed_logins: Count.annotateKey({ description: "The failed logins in a row, as in `limits`." }),
  limits: Schema.Array(UserLimitBody),
  deliveries: Schema.Array(DeliveryBody).annotateKey({ description: "The newest deliveries." }),
  audit: Schema.Array(AuditEntryBody).annotateKey({
    description: "The newest entries of the audit log about the user."
  }),
  waiting_events: Schema.Struct({
    count: Count,
    oldest_at: Schema.NullOr(Timestamp)
  }).annotateKey({ description: "Events of this user that are not published yet." })
}).annotate({
  identifier: "UserRecord",
  description: "A user with everything that support needs. Without credentials and push tokens themselves.",
  examples: [
    {
      user: userExample,
      role: null,
      sessions: [],
      push_tokens: [],
      setting_origins: [
        { setting: "email_marketing", source: "unsubscribe", actor: null, at: "2026-11-24T10:02:00.000Z" }
      ],
      suppressions: [],
      failed_logins: 0,
      limits: [
        { name: "failed_logins", used: 0, limit: 100, resets_at: null },
        { name: "daily_quota", used: 2, limit: 10, resets_at: "2026-11-25T00:00:00.000Z" }
      ],
      deliveries: [],
      audit: [],
      waiting_events: { count: 0, oldest_at: null }
    }
  ]
})

/** The record of a user in wire form. `current` is the session of the request. */
export const userRecordBody = (record: UserRecord, current: SessionId): typeof UserRecordBody.Type => ({
  user: userBody(record.user),
  role: record.role,
  sessions: record.sessions.map((session) => sessionBody(session, current)),
  push_tokens: record.pushTokens.map(pushTokenBody),
  setting_origins: record.settingOrigins.map(settingOriginBody),
  suppressions: record.suppressions.map(suppressionBody),
  failed_logins: record.failedLogins,
  limits: record.limits.map(userLimitBody),
  deliveries: record.deliveries.map(deliveryBody),
  audit: record.audit.map(auditEntryBody),
  waiting_events: {
    count: record.waitingEvents.count,
    oldest_at: record.waitingEvents.oldestAt === null ? null : timestamp(record.waitingEvents.oldestAt)
  }
})
