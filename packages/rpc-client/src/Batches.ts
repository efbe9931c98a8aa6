import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import type { UserId } from "@user-service/domain/User"
import { UserNotFound } from "@user-service/domain/User"
import type { DeliveryRequestInput, ResolvedDelivery } from "@user-service/schema/Delivery"
import type { UserBody } from "@user-service/schema/User"
import { Array, Effect, Exit, Request, RequestResolver } from "effect"
import type { CallFailure } from "./Unreachable.ts"

/** A user to look up by themselves. */
export class UserRequest extends Request.TaggedClass("UserRequest")<
  { readonly userId: UserId },
  typeof UserBody.Type,
  UserNotFound | CallFailure
> {}

/** How users are looked up: one, or several in one call. */
interface UserLookUps {
  readonly one: (userId: UserId) => Effect.Effect<typeof UserBody.Type, UserNotFound | CallFailure>
  readonly many: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<typeof UserBody.Type>, CallFailure>
}

// What is asked for in one run of the scheduler comes together. Another run of it, as the library waits for, would cost a
// look-up that comes alone a turn of the event loop.
const tick = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

/** Answers all that are asked for in the same tick by one look-up, in which each is named once. */
export const users = ({ many, one }: UserLookUps): RequestResolver.RequestResolver<UserRequest> =>
  RequestResolver.setDelayEffect(
    RequestResolver.make<UserRequest>(
      Effect.fnUntraced(function* (entries) {
        const [first, ...others] = Array.dedupe(Array.map(entries, ({ request }) => request.userId))
        // Most are asked for alone, and what reads one is quicker at it than what reads many.
        if (others.length === 0) {
          const exit = yield* Effect.exit(one(first))
          for (const entry of entries) entry.completeUnsafe(exit)
          return
        }
        const found = yield* many([first, ...others])
        const byId = new Map<string, typeof UserBody.Type>(found.map((user) => [user.id, user]))
        for (const entry of entries) {
          const user = byId.get(entry.request.userId)
          entry.completeUnsafe(user === undefined ? Exit.fail(new UserNotFound()) : Exit.succeed(user))
        }
      })
    ),
    tick
  )

/** Something of one user's to look up. */
export class OfUserRequest<A> extends Request.Class<{ readonly userId: UserId }, A, UserNotFound | CallFailure> {}

/** Looks up once what several ask for in the same tick. */
export const ofUser = <A>(
  find: (userId: UserId) => Effect.Effect<A, UserNotFound | CallFailure>
): RequestResolver.RequestResolver<OfUserRequest<A>> =>
  RequestResolver.make<OfUserRequest<A>>((entries) =>
    Effect.forEach(
      Map.groupBy(entries, ({ request }) => request.userId),
      ([userId, asking]) =>
        Effect.map(Effect.exit(find(userId)), (exit) => {
          for (const entry of asking) entry.completeUnsafe(exit)
        }),
      { concurrency: "unbounded", discard: true }
    )
  )

/** A delivery to decide upon by itself. */
export class DeliveryRequest extends Request.TaggedClass("DeliveryRequest")<
  { readonly delivery: typeof DeliveryRequestInput.Type },
  ResolvedDelivery,
  DeliveryTimeOutOfReach | CallFailure
> {}

type Resolve = (
  deliveries: ReadonlyArray<typeof DeliveryRequestInput.Type>
) => Effect.Effect<ReadonlyArray<ResolvedDelivery>, DeliveryTimeOutOfReach | CallFailure>

/** Decides in one call upon all that are asked for in the same tick. One that is too far off fails by itself. */
export const deliveries = (resolve: Resolve): RequestResolver.RequestResolver<DeliveryRequest> => {
  const run = (entries: ReadonlyArray<Request.Entry<DeliveryRequest>>): Effect.Effect<void, CallFailure> =>
    resolve(entries.map(({ request }) => request.delivery)).pipe(
      Effect.map((resolved) => {
        for (const [entry, delivery] of Array.zip(entries, resolved)) entry.completeUnsafe(Exit.succeed(delivery))
      }),
      // Nothing was decided of any.
      Effect.catchTag("DeliveryTimeOutOfReach", ({ indexes }) => {
        const isOut = (index: number) => indexes.includes(index)
        for (const [index, entry] of entries.entries()) {
          if (isOut(index)) entry.completeUnsafe(Exit.fail(new DeliveryTimeOutOfReach({ indexes: [0] })))
        }
        const others = entries.filter((_, index) => !isOut(index))
        return others.length === 0 ? Effect.void : run(others)
      })
    )
  return RequestResolver.make<DeliveryRequest>(run)
}
