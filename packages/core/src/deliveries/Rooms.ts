import type { Claim, Places } from "@user-service/cache/Places"
import type { NotificationId } from "@user-service/domain/Delivery"
import { Duration, Effect, Option } from "effect"
import type { ChargedDay, DayOfUser } from "./DeliveriesRepo.ts"

/** Notifications that are to be charged to a user's local day, in the order they are asked for. */
export interface Charge extends DayOfUser {
  readonly limit: number
  readonly notificationIds: Array<NotificationId>
}

/** Whether a notification found room in its day, or had it; absent where nobody could tell. */
export type Rooms = ReadonlyMap<NotificationId, boolean>

const dayKey = ({ day, userId }: Pick<DayOfUser, "day" | "userId">): string => `${userId} ${day}`

const byDay = (charged: ReadonlyArray<ChargedDay>): ReadonlyMap<string, ChargedDay["notificationIds"]> =>
  new Map(charged.map((day) => [dayKey(day), day.notificationIds]))

/** By what the days are charged already: right for whoever alone may charge them. */
export const roomsLeft = (charges: ReadonlyArray<Charge>, charged: ReadonlyArray<ChargedDay>): Rooms => {
  const days = byDay(charged)
  const rooms = new Map<NotificationId, boolean>()
  for (const charge of charges) {
    const holders = new Set(days.get(dayKey(charge)))
    for (const id of charge.notificationIds) {
      if (holders.size < charge.limit) holders.add(id)
      rooms.set(id, holders.has(id))
    }
  }
  return rooms
}

// A count that is gone before its day is made again from the deliveries.
const timeToLive = Duration.hours(48)

// The count of a day under its number: once that has moved on, the key is another one.
const claimOf = (charge: Charge, holders: Claim["holders"]): Claim => ({
  key: `cap:{${charge.userId}}:${charge.day}:${charge.capEpoch}`,
  limit: charge.limit,
  members: charge.notificationIds,
  holders,
  timeToLive
})

/**
 * By the days' counts, which all processes share, each made from what its day is charged where there is none. Two round
 * trips at most, and `charged` once between them. Notifications are absent while Redis is out of reach, and where
 * `charged` does not know their count.
 */
export const takeRooms = Effect.fnUntraced(function* <E, R>(
  places: Places["Service"],
  charges: ReadonlyArray<Charge>,
  charged: (days: ReadonlyArray<DayOfUser>) => Effect.Effect<ReadonlyArray<ChargedDay>, E, R>
) {
  const rooms = new Map<NotificationId, boolean>()
  // Answers those that nothing is kept of.
  const take = Effect.fnUntraced(function* (claims: ReadonlyArray<readonly [Charge, Claim]>) {
    const answers = yield* places.take(claims.map(([, claim]) => claim))
    return claims.flatMap(([charge], index) => {
      const taken = answers[index] ?? Option.none()
      if (Option.isNone(taken)) return [charge]
      for (const [member, id] of charge.notificationIds.entries()) rooms.set(id, taken.value[member] === true)
      return []
    })
  })
  const takeAll = Effect.gen(function* () {
    const unknown = yield* take(charges.map((charge) => [charge, claimOf(charge, Option.none())]))
    if (unknown.length === 0) return
    const days = byDay(yield* charged(unknown))
    yield* take(
      unknown.flatMap((charge) => {
        const holders = days.get(dayKey(charge))
        return holders === undefined ? [] : [[charge, claimOf(charge, Option.some(holders))] as const]
      })
    )
  })
  if (charges.length > 0) yield* Effect.catchTag(takeAll, "PlacesUnavailable", () => Effect.void)
  return rooms
})
