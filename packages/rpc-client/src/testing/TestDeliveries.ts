import { type ChargedDay, type DayOfUser, remainingQuota } from "@user-service/domain/deliveries/DailyQuota"
import * as DeliveryPlan from "@user-service/domain/deliveries/DeliveryPlan"
import { isGone } from "@user-service/domain/deliveries/FailedDevices"
import * as StatusFold from "@user-service/domain/deliveries/StatusFold"
import type { Category, DeliveryId, NotificationId, StatusOutcome, StatusReport } from "@user-service/domain/Delivery"
import { spellingsOf } from "@user-service/domain/DeviceTokenForm"
import type { Email } from "@user-service/domain/Email"
import type { PreferenceSettings } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import type { LivePushToken } from "@user-service/schema/PushToken"
import { DateTime } from "effect"

/** The fields of a user in memory that the rules read and that statuses change. */
export interface TestRecipient {
  readonly email: Email
  readonly isActive: boolean
  readonly timezone: string
  readonly settings: typeof PreferenceSettings.Type
  /** When the push tokens were registered. */
  readonly addedAt: DateTime.Utc
  isSuppressed: boolean
  pushTokens: ReadonlyArray<LivePushToken>
}

/** A status report, with an id for the delivery that it may create. */
export interface IdentifiedReport extends StatusReport {
  readonly id: DeliveryId
}

interface TestDelivery extends StatusFold.DeliveryState {
  readonly category: Category | null
}

/** Resolves deliveries and applies statuses in memory, by the service's own rules. */
export const make = (recipients: ReadonlyMap<UserId, TestRecipient>) => {
  const deliveries = new Map<DeliveryId, TestDelivery>()

  // A delivery of an erased user has no user.
  const known = (requests: ReadonlyArray<{ readonly notificationId: NotificationId }>): ReadonlyArray<TestDelivery> => {
    const ids = new Set(requests.map(({ notificationId }) => notificationId))
    return [...deliveries.values()]
      .filter(({ notificationId }) => ids.has(notificationId))
      .map((one) => (one.userId !== null && recipients.has(one.userId) ? one : { ...one, userId: null }))
  }

  const charged = ({ day, userId }: DayOfUser): ChargedDay => ({
    day,
    userId,
    notificationIds: [...deliveries.values()]
      .filter((one) => one.userId === userId && one.isCharged && one.chargedOn === day)
      .map(({ notificationId }) => notificationId)
  })

  const record = (
    { category, channel, chargedOn, id, notificationId, place, userId }: DeliveryPlan.DeliveryRecord,
    now: DateTime.Utc
  ) => {
    const before = deliveries.get(id) ?? {
      id,
      notificationId,
      place,
      userId,
      category,
      status: "pending" as const,
      newStatuses: [],
      bounce: null,
      error: null,
      errorCode: null,
      provider: null,
      chargedOn,
      isCharged: false,
      createdAt: now,
      updatedAt: now
    }
    deliveries.set(id, {
      ...before,
      isNew: false,
      isResolved: true,
      channel,
      category: before.category ?? category,
      chargedOn: chargedOn ?? before.chargedOn,
      isCharged: before.isCharged || chargedOn !== null
    })
  }

  const resolve = (
    requests: ReadonlyArray<DeliveryPlan.Request>,
    now: DateTime.Utc
  ): ReadonlyArray<DeliveryPlan.RequestDecision> => {
    const plan = DeliveryPlan.make(requests, {
      recipients: new Map(
        [...recipients].map(([id, user]) => [id, { ...user, ...user.settings, capEpoch: 0, preferencesVersion: 1 }])
      ),
      tokens: new Map(
        [...recipients].flatMap(([id, { pushTokens }]) => (pushTokens.length === 0 ? [] : [[id, pushTokens]]))
      ),
      known: known(requests),
      mayChange: true
    })
    const { records, requestDecisions } = DeliveryPlan.complete(
      plan,
      remainingQuota(plan.charges, plan.charges.map(charged))
    )
    for (const one of records) record(one, now)
    return requestDecisions
  }

  const endAddresses = ({ deviceFailures, suppressions }: StatusFold.FoldResult) => {
    for (const { userId } of suppressions) {
      const recipient = recipients.get(userId)
      if (recipient !== undefined) recipient.isSuppressed = true
    }
    for (const failure of deviceFailures) {
      const { userId } = failure
      const recipient = recipients.get(userId)
      if (recipient === undefined) continue
      const { addedAt: lastUsedAt, pushTokens } = recipient
      recipient.pushTokens = pushTokens.filter(
        ({ id, token, token_type: tokenType }) =>
          !isGone({ id, userId, tokenHash: token, tokenType, isActive: true, lastUsedAt }, failure)
      )
    }
  }

  const report = (reports: ReadonlyArray<IdentifiedReport>, now: DateTime.Utc): ReadonlyArray<StatusOutcome> => {
    const received = reports.map((one): StatusFold.ReceivedReport => ({
      ...one,
      at: one.timestamp === undefined ? now : DateTime.min(one.timestamp, now),
      // Not hashed, since nothing is stored.
      tokenHashes: one.pushToken === undefined ? [] : spellingsOf(one.pushToken)
    }))
    const folded = StatusFold.fold(received, known(reports), new Set(recipients.keys()), now)
    for (const row of folded.rows) {
      deliveries.set(row.id, { ...row, isNew: false, category: deliveries.get(row.id)?.category ?? null })
    }
    endAddresses(folded)
    return folded.outcomes
  }

  return { resolve, report }
}
