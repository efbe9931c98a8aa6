import type { DateTime } from "effect"
import type { Category, Channel, DeliveryId, NotificationId } from "../Delivery.ts"
import type { Email } from "../Email.ts"
import type { PreferenceSettings } from "../Preferences.ts"
import type { UserId } from "../User.ts"
import { localDay, offsetMinutes, wallClock } from "../WallClock.ts"
import type { Charge, QuotaDecisions } from "./DailyQuota.ts"
import { type Decision, decide, isCounted, type Recipient } from "./DeliveryRules.ts"

type Settings = typeof PreferenceSettings.Type

/** A delivery to resolve, with defaults filled in. */
export interface Request {
  /** The id for a new row. */
  readonly id: DeliveryId
  readonly notificationId: NotificationId
  /** Whether the sender chose the notification's id. Otherwise nobody can ask about the notification unless it is allowed. */
  readonly isNamed: boolean
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  readonly at: DateTime.Utc
}

/** A user, with their preferences. */
export interface PlanRecipient extends Omit<Recipient, "hasPushTokens" | "preferences">, Settings {
  readonly email: Email
  /** The version of the user's counts in Redis. */
  readonly capEpoch: number
  readonly preferencesVersion: number
}

/** A stored delivery of a requested notification. */
export interface KnownDelivery {
  readonly id: DeliveryId
  readonly notificationId: NotificationId
  readonly place: number
  /** Null once the user is erased. */
  readonly userId: UserId | null
  readonly channel: Channel | null
  readonly category: Category | null
  readonly isCharged: boolean
}

/** What a decision was made on. The fields that come from the user are null if the user does not exist. */
export interface DecisionBasis {
  readonly at: DateTime.Utc
  /** The offset of the user's time zone from UTC at this time, in minutes. */
  readonly utcOffset: number | null
  readonly preferencesVersion: number | null
  readonly frequencyLimit: number | null
  /** How many notifications the day was charged with. Null if an earlier rule decided, or the notification was not charged. */
  readonly charged: number | null
}

/** The row of an allowed delivery: a new row, or an update of a stored one. */
export interface DeliveryRecord {
  readonly id: DeliveryId
  readonly isNew: boolean
  readonly notificationId: NotificationId
  readonly place: number
  readonly userId: UserId
  readonly capEpoch: number
  readonly channel: Channel
  readonly category: Category
  /** The address of an e-mail, otherwise null. */
  readonly email: string | null
  /** The charged local day, or null if none is charged. */
  readonly chargedOn: string | null
  readonly basis: DecisionBasis
}

/** The row of a decision that no delivery row records: a denied, deferred or repeated notification that its sender named. */
export interface DecisionRecord {
  readonly notificationId: NotificationId
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  readonly decision: Decision
  readonly basis: DecisionBasis
}

/** The stored data for the decisions. */
export interface Facts {
  readonly recipients: ReadonlyMap<UserId, PlanRecipient>
  /** The active push tokens of users that have some. */
  readonly tokens: ReadonlyMap<UserId, ReadonlyArray<unknown>>
  /** The stored deliveries of the requested notifications. */
  readonly known: ReadonlyArray<KnownDelivery>
  /** Whether stored rows may be changed. If not, requests that would change one stay undecided. */
  readonly mayChange: boolean
}

/** A request and its decision, undefined if it is undecided. */
export interface RequestDecision {
  readonly request: Request
  readonly decision: Decision | undefined
}

interface Row {
  readonly id: DeliveryId
  readonly place: number
  readonly isNew: boolean
  channel: Channel | null
  category: Category | null
}

/** The user of a notification, null if erased, undefined if the notification is new. */
type Owner = UserId | null | undefined

interface Notification {
  owner: Owner
  readonly rows: Array<Row>
  isCharged: boolean
  /** The day to charge. */
  charge: string | undefined
  isUndecided: boolean
}

interface Step {
  readonly request: Request
  readonly recipient: PlanRecipient | undefined
  /** The decision if the daily quota is not exhausted. */
  readonly decision: Decision
  readonly notification: Notification
}

export interface Plan {
  readonly facts: Facts
  readonly steps: ReadonlyArray<Step>
  readonly charges: ReadonlyArray<Charge>
}

const newNotification = (): Notification => ({
  owner: undefined,
  rows: [],
  isCharged: false,
  charge: undefined,
  isUndecided: false
})

const notificationsOf = (known: ReadonlyArray<KnownDelivery>): Map<NotificationId, Notification> => {
  const notifications = new Map<NotificationId, Notification>()
  for (const { category, channel, id, isCharged, notificationId, place, userId } of known) {
    const notification = notifications.get(notificationId) ?? newNotification()
    notification.owner = userId
    notification.rows.push({ id, place, isNew: false, channel, category })
    notification.isCharged ||= isCharged
    notifications.set(notificationId, notification)
  }
  return notifications
}

const decideFor = (request: Request, { recipients, tokens }: Facts, isFull: boolean, owner: Owner): Decision => {
  const { at, category, channel, userId } = request
  const recipient = recipients.get(userId)
  return decide({
    channel,
    category,
    at,
    recipient: recipient && { ...recipient, hasPushTokens: tokens.has(userId), preferences: recipient },
    isFull,
    isOfAnotherUser: owner !== undefined && owner !== userId
  })
}

// The row of the channel, or a row without a channel.
const rowFor = ({ rows }: Notification, channel: Channel): Row | undefined =>
  rows.find((row) => row.channel === channel) ?? rows.find((row) => row.channel === null)

/**
 * Decides each request as if the daily quota were not exhausted, and returns the charges to check. A notification is charged once, for all
 * its channels and repeated requests.
 */
export const make = (requests: ReadonlyArray<Request>, facts: Facts): Plan => {
  const notifications = notificationsOf(facts.known)
  const charges = new Map<string, Charge>()

  const charge = (request: Request, { capEpoch, frequencyLimit, timezone }: PlanRecipient): string => {
    const { notificationId, userId } = request
    const day = localDay(wallClock(timezone), request.at.epochMilliseconds)
    const key = `${userId} ${day}`
    const dayCharge = charges.get(key) ?? { userId, day, capEpoch, limit: frequencyLimit, notificationIds: [] }
    dayCharge.notificationIds.push(notificationId)
    charges.set(key, dayCharge)
    return day
  }

  const allow = (request: Request, recipient: PlanRecipient, notification: Notification) => {
    const mustCharge = isCounted(request.category) && !notification.isCharged && notification.charge === undefined
    const row = rowFor(notification, request.channel)
    const changesRow = row !== undefined && (row.channel === null || row.category === null)
    if (!facts.mayChange && notification.rows.length > 0 && (mustCharge || changesRow)) notification.isUndecided = true
    else if (mustCharge) notification.charge = charge(request, recipient)
  }

  const steps = requests.map((request): Step => {
    const recipient = facts.recipients.get(request.userId)
    const notification = notifications.get(request.notificationId) ?? newNotification()
    notifications.set(request.notificationId, notification)
    const decision = decideFor(request, facts, false, notification.owner)
    const step = { request, recipient, decision, notification }
    if (recipient === undefined || decision.decision !== "allow") return step
    notification.owner = request.userId
    allow(request, recipient, notification)
    return step
  })
  return { facts, steps, charges: [...charges.values()] }
}

const basisOf = ({ at }: Request, recipient: PlanRecipient | undefined, charged: number | null): DecisionBasis =>
  recipient === undefined
    ? { at, utcOffset: null, preferencesVersion: null, frequencyLimit: null, charged }
    : {
        at,
        utcOffset: offsetMinutes(wallClock(recipient.timezone), at.epochMilliseconds),
        preferencesVersion: recipient.preferencesVersion,
        frequencyLimit: recipient.frequencyLimit,
        charged
      }

/** Completes the plan by the decisions about the daily quota, and returns the rows to store. Call it once per plan. */
export const complete = (
  { facts, steps }: Plan,
  quotaDecisions: QuotaDecisions
): {
  readonly requestDecisions: ReadonlyArray<RequestDecision>
  readonly records: ReadonlyArray<DeliveryRecord>
  readonly decisions: ReadonlyArray<DecisionRecord>
} => {
  const records = new Map<DeliveryId, DeliveryRecord>()
  const decisions = new Map<string, DecisionRecord>()

  // Returns whether the row of a delivery records the decision.
  const record = (request: Request, recipient: PlanRecipient, notification: Notification, charged: number | null) => {
    const { category, channel, notificationId, userId } = request
    const known = rowFor(notification, channel)
    const free = notification.rows.some((row) => row.place === 0) ? 1 : 0
    const row = known ?? { id: request.id, place: free, isNew: true, channel, category }
    if (known === undefined) notification.rows.push(row)
    const chargedOn = isCounted(category) && !notification.isCharged ? (notification.charge ?? null) : null
    if (known !== undefined && known.channel !== null && known.category !== null && chargedOn === null) return false
    row.channel ??= channel
    row.category ??= category
    notification.isCharged ||= chargedOn !== null
    records.set(row.id, {
      id: row.id,
      isNew: row.isNew,
      notificationId,
      place: row.place,
      userId,
      capEpoch: recipient.capEpoch,
      channel,
      category: row.category,
      email: channel === "email" ? recipient.email : null,
      chargedOn: chargedOn ?? records.get(row.id)?.chargedOn ?? null,
      basis: basisOf(request, recipient, charged)
    })
    return true
  }

  // The last decision of a call counts, if a call repeats a request.
  const recordDecision = (
    request: Request,
    recipient: PlanRecipient | undefined,
    decision: Decision,
    charged: number | null
  ) => {
    if (!request.isNamed) return
    const { category, channel, notificationId, userId } = request
    decisions.set(`${channel} ${userId} ${notificationId}`, {
      notificationId,
      userId,
      channel,
      category,
      decision,
      basis: basisOf(request, recipient, charged)
    })
  }

  const requestDecisions = steps.map(({ decision, notification, recipient, request }): RequestDecision => {
    if (recipient === undefined || decision.decision !== "allow") {
      recordDecision(request, recipient, decision, null)
      return { request, decision }
    }
    if (notification.isUndecided) return { request, decision: undefined }
    let charged: number | null = null
    if (isCounted(request.category) && notification.charge !== undefined) {
      const quota = quotaDecisions.get(request.notificationId)
      if (quota === undefined) return { request, decision: undefined }
      charged = quota.charged
      if (!quota.isWithin) {
        const refusal = decideFor(request, facts, true, notification.owner)
        recordDecision(request, recipient, refusal, charged)
        return { request, decision: refusal }
      }
    }
    if (!record(request, recipient, notification, charged)) recordDecision(request, recipient, decision, charged)
    return { request, decision }
  })
  return { requestDecisions, records: [...records.values()], decisions: [...decisions.values()] }
}
