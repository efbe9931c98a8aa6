import type { DateTime } from "effect"
import type { Category, Channel, DeliveryId, NotificationId } from "../Delivery.ts"
import type { Email } from "../Email.ts"
import type { PreferenceSettings } from "../Preferences.ts"
import type { UserId } from "../User.ts"
import { localDay, wallClock } from "../WallClock.ts"
import type { Charge, QuotaDecisions } from "./DailyQuota.ts"
import { type Decision, decide, deny, isCounted, type Recipient } from "./DeliveryRules.ts"

type Settings = typeof PreferenceSettings.Type

/** One delivery to decide upon, with everything that the caller may leave out. */
export interface Request {
  /** Of the row that it may leave behind. */
  readonly id: DeliveryId
  readonly notificationId: NotificationId
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  readonly at: DateTime.Utc
}

/** A user, with their preferences. */
export interface PlanRecipient extends Omit<Recipient, "hasPushTokens" | "preferences">, Settings {
  readonly email: Email
  /** The count of charges that all of the user's were told to. */
  readonly capEpoch: number
}

/** What is known of a delivery when it is resolved again. */
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

/** What an allowed delivery leaves behind: a new row, or more in one that is known. */
export interface DeliveryRecord {
  readonly id: DeliveryId
  readonly isNew: boolean
  readonly notificationId: NotificationId
  readonly place: number
  readonly userId: UserId
  readonly capEpoch: number
  readonly channel: Channel
  readonly category: Category
  /** The address it is sent to, where it is an e-mail. */
  readonly email: string | null
  /** The local day that is charged, where one is. */
  readonly chargedOn: string | null
}

/** What is known when requests are decided upon. */
export interface Facts {
  readonly recipients: ReadonlyMap<UserId, PlanRecipient>
  /** The live push tokens of those that have some. */
  readonly tokens: ReadonlyMap<UserId, ReadonlyArray<unknown>>
  /** Of the notifications that are asked for. */
  readonly known: ReadonlyArray<KnownDelivery>
  /** Whether rows that are known may be changed; where not, what would change one stays undecided. */
  readonly mayChange: boolean
}

/** A request and what is decided; undecided where that is absent. */
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

interface Notification {
  /** Whose it is, null for an erased user's; absent for nobody's yet. */
  owner: UserId | null | undefined
  readonly rows: Array<Row>
  isCharged: boolean
  /** The day that it is to be charged to. */
  charge: string | undefined
  isUndecided: boolean
}

interface Step {
  readonly request: Request
  readonly recipient: PlanRecipient | undefined
  /** While there is room. */
  readonly decision: Decision
  readonly notification: Notification
}

export interface Plan {
  readonly facts: Facts
  readonly steps: ReadonlyArray<Step>
  readonly charges: ReadonlyArray<Charge>
}

const unheardOf = (): Notification => ({
  owner: undefined,
  rows: [],
  isCharged: false,
  charge: undefined,
  isUndecided: false
})

const notificationsOf = (known: ReadonlyArray<KnownDelivery>): Map<NotificationId, Notification> => {
  const notifications = new Map<NotificationId, Notification>()
  for (const { category, channel, id, isCharged, notificationId, place, userId } of known) {
    const notification = notifications.get(notificationId) ?? unheardOf()
    notification.owner = userId
    notification.rows.push({ id, place, isNew: false, channel, category })
    notification.isCharged ||= isCharged
    notifications.set(notificationId, notification)
  }
  return notifications
}

const decideFor = (request: Request, { recipients, tokens }: Facts, isFull: boolean): Decision => {
  const recipient = recipients.get(request.userId)
  const hasPushTokens = tokens.has(request.userId)
  return decide(recipient && { ...recipient, hasPushTokens, preferences: recipient }, request, isFull)
}

// The row of a channel, or one of which no channel was told yet.
const rowFor = ({ rows }: Notification, channel: Channel): Row | undefined =>
  rows.find((row) => row.channel === channel) ?? rows.find((row) => row.channel === null)

/**
 * What the rules say of each request while its day has room, and the days to be asked whether they have. A notification
 * is charged once, over all its channels and however often it is asked for.
 */
export const make = (requests: ReadonlyArray<Request>, facts: Facts): Plan => {
  const notifications = notificationsOf(facts.known)
  const charges = new Map<string, Charge>()

  const charge = (request: Request, { capEpoch, frequencyLimit, timezone }: PlanRecipient): string => {
    const { notificationId, userId } = request
    const day = localDay(wallClock(timezone), request.at.epochMilliseconds)
    const key = `${userId} ${day}`
    const asked = charges.get(key) ?? { userId, day, capEpoch, limit: frequencyLimit, notificationIds: [] }
    asked.notificationIds.push(notificationId)
    charges.set(key, asked)
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
    const decision = decideFor(request, facts, false)
    const notification = notifications.get(request.notificationId) ?? unheardOf()
    notifications.set(request.notificationId, notification)
    const step = { request, recipient, decision, notification }
    if (recipient === undefined || decision.decision !== "allow") return step
    if (notification.owner === undefined) notification.owner = request.userId
    if (notification.owner !== request.userId) return { ...step, decision: deny("user_mismatch") }
    allow(request, recipient, notification)
    return step
  })
  return { facts, steps, charges: [...charges.values()] }
}

/** Decides, by which notifications found room, and says what that leaves behind. A plan is settled once. */
export const settle = (
  { facts, steps }: Plan,
  decisions: QuotaDecisions
): { readonly settled: ReadonlyArray<RequestDecision>; readonly records: ReadonlyArray<DeliveryRecord> } => {
  const records = new Map<DeliveryId, DeliveryRecord>()

  const record = (request: Request, recipient: PlanRecipient, notification: Notification) => {
    const { category, channel, notificationId, userId } = request
    const known = rowFor(notification, channel)
    const free = notification.rows.some((row) => row.place === 0) ? 1 : 0
    const row = known ?? { id: request.id, place: free, isNew: true, channel, category }
    if (known === undefined) notification.rows.push(row)
    const chargedOn = isCounted(category) && !notification.isCharged ? (notification.charge ?? null) : null
    if (known !== undefined && known.channel !== null && known.category !== null && chargedOn === null) return
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
      chargedOn: chargedOn ?? records.get(row.id)?.chargedOn ?? null
    })
  }

  const settled = steps.map(({ decision, notification, recipient, request }): RequestDecision => {
    if (recipient === undefined || decision.decision !== "allow") return { request, decision }
    if (notification.isUndecided) return { request, decision: undefined }
    if (isCounted(request.category) && notification.charge !== undefined) {
      const hasRoom = decisions.get(request.notificationId)
      if (hasRoom === undefined) return { request, decision: undefined }
      if (!hasRoom) return { request, decision: decideFor(request, facts, true) }
    }
    record(request, recipient, notification)
    return { request, decision }
  })
  return { settled, records: [...records.values()] }
}
