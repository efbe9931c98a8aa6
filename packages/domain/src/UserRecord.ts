import type { DateTime } from "effect"
import type { SuppressedAddress } from "./AccountExport.ts"
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
  /** The failed logins in a row, which limit logins from unknown networks. */
  readonly failedLogins: number
  /** The newest deliveries, the newest first. */
  readonly deliveries: ReadonlyArray<Delivery>
  readonly waitingEvents: WaitingEvents
}
