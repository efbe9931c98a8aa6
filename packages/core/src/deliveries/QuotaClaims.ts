import type { QuotaClaim, Quotas } from "@user-service/cache/Quotas"
import { byDay, type Charge, type ChargedDay, dayKey, type DayOfUser } from "@user-service/domain/deliveries/DailyQuota"
import type { NotificationId } from "@user-service/domain/Delivery"
import { Duration, Effect, Option } from "effect"

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
