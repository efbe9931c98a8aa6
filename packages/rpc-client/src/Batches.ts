import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import type { DeliveryRequestInput, ResolvedDelivery } from "@user-service/schema/Delivery"
import type { UserBody } from "@user-service/schema/User"
import { Array, Effect, Exit } from "effect"
import { together, type Ways } from "./Together.ts"
import type { CallFailure } from "./Unreachable.ts"

type User = typeof UserBody.Type

/** How users are looked up: one, or several in one call. */
interface UserLookUps {
  readonly one: (userId: UserId) => Effect.Effect<User, UserNotFound | CallFailure>
  readonly many: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<User>, CallFailure>
}

/** Looks up in one call all who are asked for in the same tick. */
export const users = ({ many, one }: UserLookUps) =>
  together<UserId, User, UserNotFound | CallFailure>({
    one,
    several: (asked) =>
      Effect.map(many(Array.map(asked, ({ question }) => question)), (found) => {
        const byId = new Map<string, User>(found.map((user) => [user.id, user]))
        for (const one of asked) {
          // The service answers ids in lower case.
          const user = byId.get(one.question.toLowerCase())
          one.exit = user === undefined ? Exit.fail(new UserNotFound()) : Exit.succeed(user)
        }
      })
  })

/** Looks up once what several ask for of a user in the same tick. */
export const ofUser = <A>(find: (userId: UserId) => Effect.Effect<A, UserNotFound | CallFailure>) =>
  together<UserId, A, UserNotFound | CallFailure>({
    one: find,
    several: (asked) =>
      Effect.forEach(
        Map.groupBy(asked, ({ question }) => question),
        ([userId, alike]) =>
          Effect.map(Effect.exit(find(userId)), (exit) => {
            for (const one of alike) one.exit = exit
          }),
        { concurrency: "unbounded", discard: true }
      )
  })

type Delivery = typeof DeliveryRequestInput.Type

type Resolve = (
  deliveries: ReadonlyArray<Delivery>
) => Effect.Effect<ReadonlyArray<ResolvedDelivery>, DeliveryTimeOutOfReach | CallFailure>

/** Decides in one call upon all that are asked for in the same tick. One that is too far off fails by itself. */
export const deliveries = (resolve: Resolve) => {
  type Deciding = Ways<Delivery, ResolvedDelivery, DeliveryTimeOutOfReach | CallFailure>
  const several: Deciding["several"] = (asked) =>
    resolve(asked.map(({ question }) => question)).pipe(
      Effect.map((resolved) => {
        for (const [one, delivery] of Array.zip(asked, resolved)) one.exit = Exit.succeed(delivery)
      }),
      // Nothing was decided of any.
      Effect.catchTag("DeliveryTimeOutOfReach", ({ indexes }) => {
        const isOut = (index: number) => indexes.includes(index)
        for (const [index, one] of asked.entries()) {
          if (isOut(index)) one.exit = Exit.fail(new DeliveryTimeOutOfReach({ indexes: [0] }))
        }
        const others = asked.filter((_, index) => !isOut(index))
        return others.length === 0 ? Effect.void : several(others)
      })
    )
  return together<Delivery, ResolvedDelivery, DeliveryTimeOutOfReach | CallFailure>({
    one: (delivery) => Effect.map(resolve([delivery]), Array.getUnsafe(0)),
    several
  })
}
