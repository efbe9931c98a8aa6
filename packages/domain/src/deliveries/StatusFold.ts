import { DateTime } from "effect"
import {
  type Channel,
  type DeliveryId,
  type DeliveryStatus,
  isHigher,
  type NotificationId,
  type StatusOutcome,
  type StatusReport
} from "../Delivery.ts"
import { mayBePermanent } from "../DeviceFailures.ts"
import type { UserId } from "../User.ts"

/** A delivery as statuses see it. */
export interface DeliveryState {
  readonly id: DeliveryId
  readonly isNew: boolean
  readonly notificationId: NotificationId
  readonly place: number
  /** Null once the user is erased. */
  readonly userId: UserId | null
  readonly channel: Channel | null
  /** Whether the delivery was allowed here, so that its sender was told where to send it. */
  readonly isResolved: boolean
  readonly status: DeliveryStatus
  /** The hardest bounce that was reported after it was resolved; a complaint counts as a hard one. */
  readonly bounce: "soft" | "hard" | null
  readonly error: string | null
  readonly errorCode: string | null
  readonly provider: string | null
  /** The local day that the notification was charged to, where that was noted here ... */
  readonly chargedOn: string | null
  /** ... and whether it still is. */
  readonly isCharged: boolean
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
}

/** An address that must not be written to any more: the user's, if it is the one that the delivery went to. */
export interface Suppression {
  readonly userId: UserId
  readonly deliveryId: DeliveryId
  readonly reason: "hard_bounce" | "complaint"
}

/** A report as it was received. */
export interface ReceivedReport extends StatusReport {
  /** Of the row that it may make. */
  readonly id: DeliveryId
  /** When what it tells came to be. */
  readonly at: DateTime.Utc
  /** Of the push token that it names, in any of its spellings, in hexadecimal. */
  readonly tokenHashes: ReadonlyArray<string>
}

/** A report that the push service no longer knows a token. */
export interface DeviceFailure {
  readonly userId: UserId
  readonly report: ReceivedReport
  readonly errorCode: string
  /** Whether its notification was resolved here for push; else only the raw token in the report may deactivate anything. */
  readonly isResolved: boolean
}

/** What reports come to. */
export interface FoldResult {
  /** One for each report. */
  readonly outcomes: ReadonlyArray<StatusOutcome>
  /** The rows that are new, or not what they were. */
  readonly rows: ReadonlyArray<DeliveryState>
  readonly deviceFailures: ReadonlyArray<DeviceFailure>
  /** One for each user at most. */
  readonly suppressions: ReadonlyArray<Suppression>
  /** Whose charges are not what they were. */
  readonly recounted: ReadonlySet<UserId>
  /** Who is said to be a user, in reports of notifications that are not known. */
  readonly named: ReadonlySet<UserId>
}

/** Whether the report names a device. */
export const namesDevice = (report: ReceivedReport): boolean =>
  report.pushTokenId !== undefined || report.tokenHashes.length > 0

const isDeviceFailure = (report: ReceivedReport): boolean =>
  report.status === "failed" && namesDevice(report) && mayBePermanent(report.errorCode ?? "")

/** Whether it may say that a device, or an address, is not to be used any more. */
export const mayEndAddress = (report: ReceivedReport): boolean =>
  isDeviceFailure(report) || report.status === "complained" || report.bounceType === "hard"

/** Whether what a notification is charged may change with it. */
export const mayRecount = (report: ReceivedReport, known: ReadonlyArray<DeliveryState>): boolean =>
  report.status === "failed" || known.some((row) => row.status === "failed")

// Empty is as good as absent.
const told = (text: string | undefined): string | null => (text === undefined || text === "" ? null : text)

// A complaint counts as a hard bounce, so that what has suppressed the address once does not do so again. From a sender that
// was not told where to send, neither counts.
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
  bounce: null,
  error: told(report.error),
  errorCode: told(report.errorCode),
  provider: told(report.provider),
  chargedOn: null,
  isCharged: false,
  createdAt: now,
  updatedAt: now
})

// The same row where the report says nothing new.
const raise = (row: DeliveryState, report: ReceivedReport, channel: Channel | null): DeliveryState => {
  const rises = isHigher(report.status, row.status)
  const bounce = bounceBy(report, row.isResolved)
  const isHarder = hardness(bounce) > hardness(row.bounce)
  if (!rises && !isHarder && (row.channel !== null || channel === null)) return row
  const raised = { ...row, channel: row.channel ?? channel, bounce: isHarder ? bounce : row.bounce }
  if (!rises) return raised
  return {
    ...raised,
    status: report.status,
    error: told(report.error),
    errorCode: told(report.errorCode),
    provider: told(report.provider) ?? row.provider,
    updatedAt: DateTime.max(row.createdAt, report.at)
  }
}

// The charge is given back when all channels have failed, and taken again when one turns out not to have: so in the end
// it is the same in whatever order the reports come.
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

// Only an e-mail that was resolved here: then its sender was told the address. See decision 0009.
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

// The device that a report names belongs to a push, whatever the notification is besides.
const isPushResolved = (report: ReceivedReport, rows: ReadonlyArray<DeliveryState>): boolean =>
  report.channel !== "email" && rows.some((row) => row.channel === "push" && row.isResolved)

/**
 * Applies the reports one after the other to what is known of their notifications. `present` are those of the users named
 * in reports of unknown ones that exist.
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
    const isMeant = (row: DeliveryState) => channel === null || row.channel === channel
    const meant = before.some(isMeant) ? before.filter(isMeant) : before.filter((row) => row.channel === null)
    const place = before.some((row) => row.place === 0) ? 1 : 0
    const raised =
      meant.length === 0
        ? [...before, make(report, place, userId, channel, now)]
        : before.map((row) => (meant.includes(row) ? raise(row, report, channel) : row))
    return recount(before, raised)
  }

  const note = (
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
    return note(report, before, after, userId) ? "applied" : "unchanged"
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
