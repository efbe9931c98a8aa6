import { type DateTime, Schema } from "effect"
import type { SuppressedAddress } from "./AccountExport.ts"
import type { AuditLogEntry } from "./AuditLogEntry.ts"
import type { Delivery } from "./Delivery.ts"
import type { PreferenceSource } from "./PreferenceHistory.ts"
import type { PushToken } from "./PushToken.ts"
import type { Role } from "./Role.ts"
import type { Session } from "./Session.ts"
import type { User, UserId } from "./User.ts"

/** The latest change of one setting of a user's preferences. */
export interface SettingOrigin {
  /** The domain name of the setting. */
  readonly setting: string
  readonly source: PreferenceSource
  readonly actor: UserId | null
  readonly at: DateTime.Utc
}

/** Events of a user that are not published yet. */
export interface WaitingEvents {
  readonly count: number
  readonly oldestAt: DateTime.Utc | null
}

/**
 * The limits of a user that staff see. `failed_logins`: the failed logins in a row, which limit logins from networks that the account
 * does not know. `daily_quota`: the notifications of the user's local day, which the frequency limit limits.
 */
export const UserLimitName = Schema.Literals(["failed_logins", "daily_quota"])
export type UserLimitName = typeof UserLimitName.Type

/** A limit of a user. It is in force if `used` has reached `limit`. */
export interface UserLimit {
  readonly name: UserLimitName
  readonly used: number
  readonly limit: number
  /** The end of the refusals of failed logins, null if there are none; the end of the day of a quota. */
  readonly resetsAt: DateTime.Utc | null
}

/** What staff see of a user. No credentials and no push tokens themselves. */
export interface UserRecord {
  readonly user: User
  readonly role: Role | null
  /** The live sessions, the newest first. */
  readonly sessions: ReadonlyArray<Session>
  readonly pushTokens: ReadonlyArray<PushToken>
  /** The settings that were changed since the registration. */
  readonly settingOrigins: ReadonlyArray<SettingOrigin>
  readonly suppressions: ReadonlyArray<SuppressedAddress>
  /** The failed logins in a row, as in `limits`. */
  readonly failedLogins: number
  readonly limits: ReadonlyArray<UserLimit>
  /** The newest deliveries, the newest first. */
  readonly deliveries: ReadonlyArray<Delivery>
  /** The newest entries of the audit log about the user, the newest first. */
  readonly audit: ReadonlyArray<AuditLogEntry>
  readonly waitingEvents: WaitingEvents
}
