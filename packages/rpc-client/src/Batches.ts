// Request batching by Effect's RequestResolver; a batch is closed in a microtask (decision 0016).
import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import type { DeliveryRequestInput, ResolvedDelivery } from "@user-service/schema/Delivery"
import type { UserBody } from "@user-service/schema/User"
import { Array, Effect, Exit, Request, RequestResolver, Result } from "effect"
import type { CallFailure } from "./Unreachable.ts"

// Request batching for `UserServiceClient`: look-ups of the same tick share one call to the service.

type User = typeof UserBody.Type

// Closes a batch in a microtask, after the current run of the scheduler. The library's default waits for the next turn of the
// event loop, which delays a single look-up.
const tick = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

class UserRequest extends Request.Class<{ readonly userId: UserId }, User, UserNotFound | CallFailure> {}

/** The calls that read one user and several users. */
interface UserLookUps {
  readonly one: (userId: UserId) => Effect.Effect<User, UserNotFound | CallFailure>
  readonly many: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<User>, CallFailure>
}

/** Reads the users that are requested in one tick by one call. */
export const users = ({ many, one }: UserLookUps) => {
  const resolver = RequestResolver.make<UserRequest>(
    Effect.fnUntraced(function* (entries) {
      const [first, ...others] = Array.dedupe(Array.map(entries, ({ request }) => request.userId))
      // `GetUser` is faster than `GetUsers` for one user.
      if (others.length === 0) return completeAll(entries, yield* Effect.exit(one(first)))
      const found = yield* many([first, ...others])
      const byId = new Map<string, User>(found.map((user) => [user.id, user]))
      for (const entry of entries) {
        // The service returns ids in lower case.
        const user = byId.get(entry.request.userId.toLowerCase())
        entry.completeUnsafe(user === undefined ? Exit.fail(new UserNotFound()) : Exit.succeed(user))
      }
    })
  ).pipe(RequestResolver.setDelayEffect(tick))
  return (userId: UserId) => Effect.request(new UserRequest({ userId }), resolver)
}

class OfUserRequest<A> extends Request.Class<{ readonly userId: UserId }, A, UserNotFound | CallFailure> {}

/** Reads a part of a user, such as the preferences, once for all requests of one tick. */
export const ofUser = <A>(find: (userId: UserId) => Effect.Effect<A, UserNotFound | CallFailure>) => {
  const resolver = RequestResolver.makeGrouped<OfUserRequest<A>, UserId>({
    key: ({ request }) => request.userId,
    resolver: (entries, userId) => Effect.map(Effect.exit(find(userId)), (exit) => completeAll(entries, exit))
  })
  return (userId: UserId) => Effect.request(new OfUserRequest<A>({ userId }), resolver)
}

type Delivery = typeof DeliveryRequestInput.Type

class DeliveryRequest extends Request.Class<
  { readonly delivery: Delivery },
  ResolvedDelivery,
  DeliveryTimeOutOfReach | CallFailure
> {}

type Resolve = (
  deliveries: ReadonlyArray<Delivery>
) => Effect.Effect<ReadonlyArray<ResolvedDelivery>, DeliveryTimeOutOfReach | CallFailure>

/** Resolves the deliveries of one tick by one call. A delivery whose time is out of reach fails without the others. */
export const deliveries = (resolve: Resolve) => {
  const run = (entries: ReadonlyArray<Request.Entry<DeliveryRequest>>): Effect.Effect<void, CallFailure> =>
    resolve(entries.map(({ request }) => request.delivery)).pipe(
      Effect.map((resolved) => {
        for (const [entry, delivery] of Array.zip(entries, resolved)) entry.completeUnsafe(Exit.succeed(delivery))
      }),
      // The service resolves no delivery of a call in which one is out of reach, so the others are sent again.
      Effect.catchTag("DeliveryTimeOutOfReach", ({ indexes }) => {
        const [outOfReach, others] = Array.partition(entries, (entry, index) =>
          indexes.includes(index) ? Result.succeed(entry) : Result.fail(entry)
        )
        completeAll(outOfReach, Exit.fail(new DeliveryTimeOutOfReach({ indexes: [0] })))
        return others.length === 0 ? Effect.void : run(others)
      })
    )
  const resolver = RequestResolver.make<DeliveryRequest>(run)
  return (delivery: Delivery) => Effect.request(new DeliveryRequest({ delivery }), resolver)
}

const completeAll = <R extends Request.Any>(
  entries: ReadonlyArray<Request.Entry<R>>,
  exit: Exit.Exit<Request.Success<R>, Request.Error<R>>
): void => {
  for (const entry of entries) entry.completeUnsafe(exit)
}
