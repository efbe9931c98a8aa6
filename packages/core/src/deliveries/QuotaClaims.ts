import type { QuotaClaim, Quotas } from "@user-service/cache/Quotas"
import {
  byDay,
  type Charge,
  type ChargedDay,
  dayKey,
  type DayOfUser,
  type QuotaDecision
} from "@user-service/domain/deliveries/DailyQuota"
import type { NotificationId } from "@user-service/domain/Delivery"
import { Duration, Effect, Option } from "effect"

// Longer than any local day. A count that Redis loses earlier is rebuilt from the deliveries.
const timeToLive = Duration.hours(48)

// The key contains the epoch, so a new epoch starts a new count.
const claimOf = (charge: Charge, members: QuotaClaim["members"]): QuotaClaim => ({
  key: `cap:{${charge.userId}}:${charge.day}:${charge.capEpoch}`,
  limit: charge.limit,
  candidates: charge.notificationIds,
  members,
  timeToLive
})

/**
 * Claims the daily quota of each day in Redis, which all processes share. A missing count is rebuilt from the result of
 * `charged`. Takes at most two round trips to Redis, with one call of `charged` between them. The result lacks notifications
 * if Redis does not answer or if `charged` does not return their day.
 */
export const claimQuota = Effect.fnUntraced(function* <E, R>(
  quotas: Quotas["Service"],
  charges: ReadonlyArray<Charge>,
  charged: (days: ReadonlyArray<DayOfUser>) => Effect.Effect<ReadonlyArray<ChargedDay>, E, R>
) {
  const decisions = new Map<NotificationId, QuotaDecision>()
  // Returns the charges whose count is missing in Redis.
  const claim = Effect.fnUntraced(function* (claims: ReadonlyArray<readonly [Charge, QuotaClaim]>) {
    const outcomes = yield* quotas.claim(claims.map(([, quotaClaim]) => quotaClaim))
    return claims.flatMap(([charge], index) => {
      const outcome = outcomes[index] ?? Option.none()
      if (Option.isNone(outcome)) return [charge]
      for (const [index, id] of charge.notificationIds.entries()) {
        const candidate = outcome.value[index]
        if (candidate !== undefined) decisions.set(id, { isWithin: candidate.isMember, charged: candidate.members })
      }
      return []
    })
  })
  const claimAll = Effect.gen(function* () {
    const missing = yield* claim(charges.map((charge) => [charge, claimOf(charge, Option.none())]))
    if (missing.length === 0) return
    const days = byDay(yield* charged(missing))
    yield* claim(
      missing.flatMap((charge) => {
        const members = days.get(dayKey(charge))
        return members === undefined ? [] : [[charge, claimOf(charge, Option.some(members))] as const]
      })
    )
  })
  if (charges.length > 0) yield* Effect.catchTag(claimAll, "QuotasUnavailable", () => Effect.void)
  return decisions
})
