import {
  type Channel,
  type DeliveryStatus,
  isHigher,
  type StatusOutcome,
  type StatusReport
} from "@user-service/domain/Delivery"
import { type Decision, decide, deny, isCounted } from "@user-service/domain/deliveries/DeliveryRules"
import { spellingsOf } from "@user-service/domain/DeviceTokenForm"
import { isPermanent } from "@user-service/domain/DeviceFailures"
import type { PreferenceSettings } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { localDay, wallClock } from "@user-service/domain/WallClock"
import { type DeliveryRequestInput, statusReport, type StatusReportInput } from "@user-service/schema/Delivery"
import type { LivePushToken } from "@user-service/schema/PushToken"
import type { DateTime } from "effect"

/** What the rules look at, and what statuses change, of a user who is only in memory. */
export interface TestRecipient {
  readonly isActive: boolean
  readonly timezone: string
  readonly settings: typeof PreferenceSettings.Type
  isSuppressed: boolean
  pushTokens: ReadonlyArray<LivePushToken>
}

interface Notification {
  readonly userId: UserId
  /** How far it came over each channel; null stands for one that nobody named. */
  readonly statuses: Map<Channel | null, DeliveryStatus>
  /** The channels it was allowed on: only for these may a status suppress an address or deactivate a token by its id. */
  readonly resolved: Set<Channel>
  /** The local day it was charged to, and whether that still counts. */
  chargedOn: string | undefined
  isCharged: boolean
}

const unresolved = (userId: UserId): Notification => ({
  userId,
  statuses: new Map(),
  resolved: new Set(),
  chargedOn: undefined,
  isCharged: false
})

type NamedDelivery = Required<Omit<typeof DeliveryRequestInput.Type, "at">>

/** Decides and keeps count in memory as the service does on its engines, for one process and one test. */
export const make = (recipients: ReadonlyMap<UserId, TestRecipient>) => {
  const notifications = new Map<string, Notification>()

  const chargedTo = (userId: UserId, day: string): number =>
    notifications
      .values()
      .filter((one) => one.userId === userId && one.isCharged && one.chargedOn === day)
      .toArray().length

  const resolve = ({ category, channel, notification_id, user_id }: NamedDelivery, at: DateTime.Utc): Decision => {
    const recipient = recipients.get(user_id)
    const decideIf = (isFull: boolean) =>
      decide(
        recipient && { ...recipient, hasPushTokens: recipient.pushTokens.length > 0, preferences: recipient.settings },
        { category, channel, at },
        isFull
      )
    const decision = decideIf(false)
    if (recipient === undefined || decision.decision !== "allow") return decision
    const known = notifications.get(notification_id)
    if (known !== undefined && known.userId !== user_id) return deny("user_mismatch")
    const notification = known ?? unresolved(user_id)
    if (isCounted(category) && !notification.isCharged) {
      const day = localDay(wallClock(recipient.timezone), at.epochMilliseconds)
      if (chargedTo(user_id, day) >= recipient.settings.frequencyLimit) return decideIf(true)
      notification.chargedOn = day
      notification.isCharged = true
    }
    notification.resolved.add(channel)
    if (!notification.statuses.has(channel)) notification.statuses.set(channel, "pending")
    notifications.set(notification_id, notification)
    return decision
  }

  const report = (input: typeof StatusReportInput.Type): StatusOutcome => {
    const status = statusReport(input)
    const known = notifications.get(status.notificationId)
    const userId = known?.userId ?? status.userId
    if (userId === undefined) return "unknown_notification"
    if (status.userId !== undefined && status.userId !== userId) return "user_mismatch"
    const recipient = recipients.get(userId)
    if (recipient === undefined) return "user_erased"
    const notification = known ?? unresolved(userId)
    endAddress(recipient, notification, status)
    notifications.set(status.notificationId, notification)
    return advance(notification, status) ? "applied" : "unchanged"
  }

  return { resolve, report }
}

const channelOf = ({ channel, pushToken, pushTokenId }: StatusReport): Channel | null =>
  channel ?? (pushToken === undefined && pushTokenId === undefined ? null : "push")

const advance = (notification: Notification, status: StatusReport): boolean => {
  const channel = channelOf(status)
  if (notification.statuses.size === 0) {
    notification.statuses.set(channel, status.status)
    return true
  }
  const meant = [...notification.statuses].filter(([known]) => channel === null || known === channel)
  const raised = meant.filter(([, standing]) => isHigher(status.status, standing))
  for (const [known] of raised) notification.statuses.set(known, status.status)
  // Given back where nothing came through.
  notification.isCharged =
    notification.chargedOn !== undefined && ![...notification.statuses.values()].every((one) => one === "failed")
  return raised.length > 0
}

const endAddress = (recipient: TestRecipient, { resolved }: Notification, status: StatusReport): void => {
  const { bounceType, channel, errorCode = "", pushToken, pushTokenId } = status
  const isBounce = status.status === "complained" || (status.status === "bounced" && bounceType === "hard")
  if (isBounce && channelOf(status) !== "push" && resolved.has("email")) recipient.isSuppressed = true
  if (status.status !== "failed") return
  const spellings = pushToken === undefined ? [] : spellingsOf(pushToken)
  const idCounts = channel !== "email" && resolved.has("push")
  recipient.pushTokens = recipient.pushTokens.filter(
    ({ id, token, token_type }) =>
      (!spellings.includes(token) && !(idCounts && id === pushTokenId)) || !isPermanent(errorCode, token_type)
  )
}
