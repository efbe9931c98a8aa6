import type { NotificationId } from "../Delivery.ts"
import type { UserId } from "../User.ts"

/** A user's local day. */
export interface DayOfUser {
  readonly userId: UserId
  readonly day: string
  /** The version of the counts in Redis. It changes when charges change without Redis. */
  readonly capEpoch: number
}

/** The notifications that count towards the daily quota of a user's local day. */
export interface ChargedDay extends Pick<DayOfUser, "userId" | "day"> {
  readonly notificationIds: ReadonlyArray<NotificationId>
}

/** Notifications to count towards the daily quota of a user's local day, in the order of the requests. */
export interface Charge extends DayOfUser {
  readonly limit: number
  readonly notificationIds: Array<NotificationId>
}

/** Whether a notification is within the daily quota of its day. */
export interface QuotaDecision {
  readonly isWithin: boolean
  /** How many notifications the day is charged with, this one included if it is within the quota. */
  readonly charged: number
}

/** The decision of each notification. Absent if it is unknown. */
export type QuotaDecisions = ReadonlyMap<NotificationId, QuotaDecision>

/** A key for a user's local day. */
export const dayKey = ({ day, userId }: Pick<DayOfUser, "day" | "userId">): string => `${userId} ${day}`

/** The charged notifications of each day, by {@link dayKey}. */
export const byDay = (charged: ReadonlyArray<ChargedDay>): ReadonlyMap<string, ChargedDay["notificationIds"]> =>
  new Map(charged.map((day) => [dayKey(day), day.notificationIds]))

/** Decides by the charges of each day. Correct only if no other process charges the same days concurrently. */
export const remainingQuota = (charges: ReadonlyArray<Charge>, charged: ReadonlyArray<ChargedDay>): QuotaDecisions => {
  const days = byDay(charged)
  const decisions = new Map<NotificationId, QuotaDecision>()
  for (const charge of charges) {
    const members = new Set(days.get(dayKey(charge)))
    for (const id of charge.notificationIds) {
      if (members.size < charge.limit) members.add(id)
      decisions.set(id, { isWithin: members.has(id), charged: members.size })
    }
  }
  return decisions
}
