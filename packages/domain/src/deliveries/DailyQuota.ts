import type { NotificationId } from "../Delivery.ts"
import type { UserId } from "../User.ts"

/** A user's local day, and the count that it is asked of. */
export interface DayOfUser {
  readonly userId: UserId
  readonly day: string
  readonly capEpoch: number
}

/** The notifications that a user's local day is charged. */
export interface ChargedDay extends Pick<DayOfUser, "userId" | "day"> {
  readonly notificationIds: ReadonlyArray<NotificationId>
}

/** Notifications to charge to a user's local day, in the order of the requests. */
export interface Charge extends DayOfUser {
  readonly limit: number
  readonly notificationIds: Array<NotificationId>
}

/** Whether a notification is within its day's limit. Absent where this is not known. */
export type QuotaDecisions = ReadonlyMap<NotificationId, boolean>

/** One text for one local day of one user. */
export const dayKey = ({ day, userId }: Pick<DayOfUser, "day" | "userId">): string => `${userId} ${day}`

/** The notifications that each day is charged, by {@link dayKey}. */
export const byDay = (charged: ReadonlyArray<ChargedDay>): ReadonlyMap<string, ChargedDay["notificationIds"]> =>
  new Map(charged.map((day) => [dayKey(day), day.notificationIds]))

/** Decides by what the days are charged already. Right only where no other process charges the same days at the time. */
export const remainingQuota = (charges: ReadonlyArray<Charge>, charged: ReadonlyArray<ChargedDay>): QuotaDecisions => {
  const days = byDay(charged)
  const decisions = new Map<NotificationId, boolean>()
  for (const charge of charges) {
    const members = new Set(days.get(dayKey(charge)))
    for (const id of charge.notificationIds) {
      if (members.size < charge.limit) members.add(id)
      decisions.set(id, members.has(id))
    }
  }
  return decisions
}
