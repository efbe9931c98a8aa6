import { DateTime } from "effect"
import {
  type Channel,
  type DeliveryId,
  type DeliveryStatus,
  isHigher,
  type NotificationId,
  type StatusChange,
  type StatusOutcome,
  type StatusReport,
  type SuppressionReason
} from "../Delivery.ts"
import { mayBePermanent } from "../DeviceFailures.ts"
import type { UserId } from "../User.ts"

/** The state of a delivery that status reports change. */
export interface DeliveryState {
  readonly id: DeliveryId
  readonly isNew: boolean
  readonly notificationId: NotificationId
  readonly place: number
  /** Null once the user is erased. */
  readonly userId: UserId | null
  readonly channel: Channel | null
  /** Whether the delivery was allowed here, so that the sender got the address from this service. */
  readonly isResolved: boolean
  readonly status: DeliveryStatus
  /** The statuses that the delivery got by the applied reports, in their order. */
  readonly newStatuses: ReadonlyArray<typeof StatusChange.Type>
  /** The hardest reported bounce since it was resolved. A complaint counts as a hard bounce. */
  readonly bounce: "soft" | "hard" | null
  readonly error: string | null
  readonly errorCode: string | null
  readonly provider: string | null
  /** The local day that the notification was charged to, or null if this row has no charge. */
  readonly chargedOn: string | null
  /** Whether the charge is in effect. */
  readonly isCharged: boolean
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
}

/** A suppression of the user's e-mail address, if the delivery was sent to this address. */
export interface Suppression {
  readonly userId: UserId
  readonly deliveryId: DeliveryId
  readonly reason: SuppressionReason
}

/** A received report. */
export interface ReceivedReport extends StatusReport {
  /** The id for a new row. */
  readonly id: DeliveryId
  /** When the status changed. */
  readonly at: DateTime.Utc
  /** The hashes of all forms of the reported push token, in hexadecimal. */
  readonly tokenHashes: ReadonlyArray<string>
}

/** A report that the push service no longer knows a token. */
export interface DeviceFailure {
  readonly userId: UserId
  readonly report: ReceivedReport
  readonly errorCode: string
  /** Whether the notification was resolved here for push. Otherwise only a report with the token itself may deactivate it. */
  readonly isResolved: boolean
}

/** The result of applying reports. */
export interface FoldResult {
  /** One per report. */
  readonly outcomes: ReadonlyArray<StatusOutcome>
  /** The new and changed rows. */
  readonly rows: ReadonlyArray<DeliveryState>
  readonly deviceFailures: ReadonlyArray<DeviceFailure>
  /** At most one per user. */
  readonly suppressions: ReadonlyArray<Suppression>
  /** The users whose charges changed. */
  readonly recounted: ReadonlySet<UserId>
  /** The users named in reports about unknown notifications. */
  readonly named: ReadonlySet<UserId>
}

/** Whether the report names a device. */
export const namesDevice = (report: ReceivedReport): boolean =>
  report.pushTokenId !== undefined || report.tokenHashes.length > 0

const isDeviceFailure = (report: ReceivedReport): boolean =>
  report.status === "failed" && namesDevice(report) && mayBePermanent(report.errorCode ?? "")

/** Whether the report may deactivate a push token or suppress an e-mail address. */
export const mayEndAddress = (report: ReceivedReport): boolean =>
  isDeviceFailure(report) || report.status === "complained" || report.bounceType === "hard"

/** Whether the report may change the charge of its notification. */
export const mayRecount = (report: ReceivedReport, known: ReadonlyArray<DeliveryState>): boolean =>
  report.status === "failed" || known.some((row) => row.status === "failed")

// Empty text counts as absent.
const nonEmpty = (text: string | undefined): string | null => (text === undefined || text === "" ? null : text)

// A complaint counts as a hard bounce, so that the same delivery suppresses the address only once. Bounces count only for deliveries that
// were resolved here.
const bounceBy = (report: ReceivedReport, isResolved: boolean): DeliveryState["bounce"] => {
  if (!isResolved) return null
  if (report.status === "complained") return "hard"
  return report.status === "bounced" ? (report.bounceType ?? null) : null
}

const hardness = (bounce: DeliveryState["bounce"]): number => (bounce === null ? 0 : bounce === "soft" ? 1 : 2)

const make = (
  report: ReceivedReport,
  place: number,
  userId: UserId,
  channel: Channel | null,
  now: DateTime.Utc
): DeliveryState => ({
  id: report.id,
  isNew: true,
  isResolved: false,
  notificationId: report.notificationId,
  place,
  userId,
  channel,
  status: report.status,
  newStatuses: [{ status: report.status, at: now }],
  bounce: null,
  error: nonEmpty(report.error),
  errorCode: nonEmpty(report.errorCode),
  provider: nonEmpty(report.provider),
  chargedOn: null,
  isCharged: false,
  createdAt: now,
  updatedAt: now
})

// Returns the same object if the report changes nothing.
const raise = (row: DeliveryState, report: ReceivedReport, channel: Channel | null): DeliveryState => {
  const rises = isHigher(report.status, row.status)
  const bounce = bounceBy(report, row.isResolved)
  const isHarder = hardness(bounce) > hardness(row.bounce)
  if (!rises && !isHarder && (row.channel !== null || channel === null)) return row
  const raised = { ...row, channel: row.channel ?? channel, bounce: isHarder ? bounce : row.bounce }
  if (!rises) return raised
  const updatedAt = DateTime.max(row.createdAt, report.at)
  return {
    ...raised,
    status: report.status,
    newStatuses: [...row.newStatuses, { status: report.status, at: updatedAt }],
    error: nonEmpty(report.error),
    errorCode: nonEmpty(report.errorCode),
    provider: nonEmpty(report.provider) ?? row.provider,
    updatedAt
  }
}

// Refunds the charge when all channels have failed, and charges again when one of them turns out not to have failed. So the result does
// not depend on the order of the reports.
const recount = (
  before: ReadonlyArray<DeliveryState>,
  after: ReadonlyArray<DeliveryState>
): ReadonlyArray<DeliveryState> => {
  const holder = after.find((row) => row.isCharged) ?? after.find((row) => row.chargedOn !== null)
  if (holder === undefined) return after
  const hadFailed = (row: DeliveryState) => before.some(({ id, status }) => id === row.id && status === "failed")
  const fails = after.some((row) => row.status === "failed" && !hadFailed(row))
  const recovers = after.some((row) => row.status !== "failed" && hadFailed(row))
  const isCharged = holder.isCharged ? !(fails && after.every((row) => row.status === "failed")) : recovers
  return isCharged === holder.isCharged ? after : after.map((row) => (row === holder ? { ...row, isCharged } : row))
}

// Only for e-mails that were resolved here, because this service then provided the address. See decision 0009.
const suppressionBy = (
  report: ReceivedReport,
  before: DeliveryState | undefined,
  after: DeliveryState
): Suppression["reason"] | undefined => {
  if (after.channel !== "email" || before === undefined || !before.isResolved) return undefined
  const wasHard = before.bounce === "hard"
  if (report.status === "complained") return before.status === "complained" && wasHard ? undefined : "complaint"
  return after.bounce === "hard" && !wasHard ? "hard_bounce" : undefined
}

// A report that names a device is about the push channel, even if the notification has other channels.
const isPushResolved = (report: ReceivedReport, rows: ReadonlyArray<DeliveryState>): boolean =>
  report.channel !== "email" && rows.some((row) => row.channel === "push" && row.isResolved)

/**
 * Applies the reports in order to the stored deliveries of their notifications. `present` are the existing users among those named in
 * reports about unknown notifications.
 */
export const fold = (
  reports: ReadonlyArray<ReceivedReport>,
  known: ReadonlyArray<DeliveryState>,
  present: ReadonlySet<UserId>,
  now: DateTime.Utc
): FoldResult => {
  const notifications = new Map<NotificationId, ReadonlyArray<DeliveryState>>(
    Map.groupBy(known, (row) => row.notificationId)
  )
  const changed = new Map<DeliveryId, DeliveryState>()
  const deviceFailures: Array<DeviceFailure> = []
  const suppressions = new Map<UserId, Suppression>()
  const recounted = new Set<UserId>()
  const named = new Set<UserId>()

  const advance = (report: ReceivedReport, before: ReadonlyArray<DeliveryState>, userId: UserId) => {
    const channel = report.channel ?? (namesDevice(report) ? "push" : null)
    const isTarget = (row: DeliveryState) => channel === null || row.channel === channel
    const targets = before.some(isTarget) ? before.filter(isTarget) : before.filter((row) => row.channel === null)
    const place = before.some((row) => row.place === 0) ? 1 : 0
    const raised =
      targets.length === 0
        ? [...before, make(report, place, userId, channel, now)]
        : before.map((row) => (targets.includes(row) ? raise(row, report, channel) : row))
    return recount(before, raised)
  }

  const recordChanges = (
    report: ReceivedReport,
    before: ReadonlyArray<DeliveryState>,
    after: ReadonlyArray<DeliveryState>,
    userId: UserId
  ): boolean => {
    const differing = after.filter((row) => !before.includes(row))
    for (const row of differing) {
      changed.set(row.id, row)
      const earlier = before.find(({ id }) => id === row.id)
      if (row.isCharged !== (earlier?.isCharged ?? false)) recounted.add(userId)
      const reason = suppressionBy(report, earlier, row)
      if (reason !== undefined && suppressions.get(userId)?.reason !== "complaint") {
        suppressions.set(userId, { userId, deliveryId: row.id, reason })
      }
    }
    return differing.length > 0
  }

  const apply = (report: ReceivedReport): StatusOutcome => {
    const before = notifications.get(report.notificationId) ?? []
    const [first] = before
    if (first === undefined && report.userId === undefined) return "unknown_notification"
    const userId = first === undefined ? report.userId : first.userId
    if (userId === undefined || userId === null) return "user_erased"
    if (report.userId !== undefined && report.userId !== userId) return "user_mismatch"
    if (first === undefined) named.add(userId)
    if (first === undefined && !present.has(userId)) return "user_erased"
    if (isDeviceFailure(report)) {
      const isResolved = isPushResolved(report, before)
      deviceFailures.push({ userId, report, errorCode: report.errorCode ?? "", isResolved })
    }
    const after = advance(report, before, userId)
    notifications.set(report.notificationId, after)
    return recordChanges(report, before, after, userId) ? "applied" : "unchanged"
  }

  return {
    outcomes: reports.map(apply),
    rows: [...changed.values()],
    deviceFailures,
    suppressions: [...suppressions.values()],
    recounted,
    named
  }
}
