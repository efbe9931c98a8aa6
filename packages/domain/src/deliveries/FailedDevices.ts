import type { DateTime } from "effect"
import { isPermanent } from "../DeviceFailures.ts"
import type { PushTokenId, TokenType } from "../PushToken.ts"
import type { UserId } from "../User.ts"
import type { DeviceFailure, ReceivedReport } from "./StatusFold.ts"

/** The push token of a report. */
export interface Device {
  readonly id: PushTokenId
  readonly userId: UserId
  readonly tokenHash: string
  readonly tokenType: TokenType
  readonly isActive: boolean
  /** When it was last registered. */
  readonly lastUsedAt: DateTime.Utc
}

/** Whether the report names the device, by its id or by its token. */
export const isNamed = ({ id, tokenHash }: Device, { pushTokenId, tokenHashes }: ReceivedReport): boolean =>
  id === pushTokenId || tokenHashes.includes(tokenHash)

/**
 * Whether the failure deactivates the push token. For a notification that was not resolved here the report must contain the token,
 * because its id is not a secret. A token that was registered after the failure stays active.
 */
export const isGone = (device: Device, { errorCode, isResolved, report, userId }: DeviceFailure): boolean =>
  (isResolved ? isNamed(device, report) : report.tokenHashes.includes(device.tokenHash)) &&
  device.isActive &&
  device.userId === userId &&
  isPermanent(errorCode, device.tokenType) &&
  device.lastUsedAt.epochMilliseconds <= report.at.epochMilliseconds
