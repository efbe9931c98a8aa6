import type { QuotaClaim, Quotas } from "@user-service/cache/Quotas"
import type { NotificationId } from "@user-service/domain/Delivery"
import { Duration, Effect, Option } from "effect"
import type { ChargedDay, DayOfUser } from "./DeliveriesRepo.ts"

/** Notifications to charge to a user's local day, in the order of the requests. */
export interface Charge extends DayOfUser {
  readonly limit: number
  readonly notificationIds: Array<NotificationId>
}

/** Whether a notification is within its day's limit. Absent where this is not known. */
export type QuotaDecisions = ReadonlyMap<NotificationId, boolean>

const dayKey = ({ day, userId }: Pick<DayOfUser, "day" | "userId">): string => `${userId} ${day}`

const byDay = (charged: ReadonlyArray<ChargedDay>): ReadonlyMap<string, ChargedDay["notificationIds"]> =>
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

// A count that Redis loses before its day is over is made again from the deliveries.
const timeToLive = Duration.hours(48)

// The count of a day under its epoch: after a change of the epoch the key is another one.
const claimOf = (charge: Charge, members: QuotaClaim["members"]): QuotaClaim => ({
  key: `cap:{${charge.userId}}:${charge.day}:${charge.capEpoch}`,
  limit: charge.limit,
  candidates: charge.notificationIds,
  members,
  timeToLive
})

/**
 * Decides by the days' counts in Redis, which all processes share. A count that is not there is made from what its day is
 * charged. Takes two round trips at most, with one call of `charged` between them. Notifications are absent while Redis does
 * not answer, and where `charged` does not know their count.
 */
export const claimQuota = Effect.fnUntraced(function* <E, R>(
  quotas: Quotas["Service"],
  charges: ReadonlyArray<Charge>,
  charged: (days: ReadonlyArray<DayOfUser>) => Effect.Effect<ReadonlyArray<ChargedDay>, E, R>
) {
  const decisions = new Map<NotificationId, boolean>()
  // Answers those that nothing is kept of.
  const take = Effect.fnUntraced(function* (claims: ReadonlyArray<readonly [Charge, QuotaClaim]>) {
    const answers = yield* quotas.claim(claims.map(([, claim]) => claim))
    return claims.flatMap(([charge], index) => {
      const taken = answers[index] ?? Option.none()
      if (Option.isNone(taken)) return [charge]
      for (const [member, id] of charge.notificationIds.entries()) decisions.set(id, taken.value[member] === true)
      return []
    })
  })
  const takeAll = Effect.gen(function* () {
    const unknown = yield* take(charges.map((charge) => [charge, claimOf(charge, Option.none())]))
    if (unknown.length === 0) return
    const days = byDay(yield* charged(unknown))
    yield* take(
      unknown.flatMap((charge) => {
        const members = days.get(dayKey(charge))
        return members === undefined ? [] : [[charge, claimOf(charge, Option.some(members))] as const]
      })
    )
  })
  if (charges.length > 0) yield* Effect.catchTag(takeAll, "QuotasUnavailable", () => Effect.void)
  return decisions
})
