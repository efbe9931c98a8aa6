import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import type { DeliveryRequestInput, ResolvedDelivery } from "@user-service/schema/Delivery"
import type { UserBody } from "@user-service/schema/User"
import { Array, Effect, Exit, Fiber, type Scope } from "effect"
import type { CallFailure } from "./Unreachable.ts"

/** Something that is asked for, and in the end what came of it. */
interface Asked<Q, A, E> {
  readonly question: Q
  exit: Exit.Exit<A, E>
}

/** How questions are answered: one by itself, or several at once, each of which is told what came of it. */
interface Ways<Q, A, E> {
  readonly one: (question: Q) => Effect.Effect<A, E>
  readonly several: (asked: ReadonlyArray<Asked<Q, A, E>>) => Effect.Effect<void, E>
}

interface Batch<Q, A, E> {
  readonly asked: Array<Asked<Q, A, E>>
  answering?: Fiber.Fiber<void, E>
}

// What is asked in one run of the scheduler comes together; another run of it would cost a question that comes alone a turn of
// the event loop.
const tick = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

const unanswered = Exit.die(new Error("A question of several was not answered"))

/**
 * Answers together what is asked in the same tick. Whoever does not wait any more takes nobody's answer away. What is asked
 * alone, as most is, is answered by the fiber that asks: the batches of `RequestResolver` have a fiber and a context of their
 * own, for a thirtieth of a look-up (decision 0016).
 */
const together = <Q, A, E>({
  one,
  several
}: Ways<Q, A, E>): Effect.Effect<(question: Q) => Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let open: Batch<Q, A, E> | undefined
    const answer = Effect.fnUntraced(function* (batch: Batch<Q, A, E>) {
      batch.answering ??= yield* Effect.forkIn(several(batch.asked), scope)
      yield* Fiber.join(batch.answering)
    })
    return (question) =>
      Effect.suspend(() => {
        const asked: Asked<Q, A, E> = { question, exit: unanswered }
        const batch = (open ??= { asked: [] })
        batch.asked.push(asked)
        return Effect.flatMap(tick, () => {
          if (open === batch) open = undefined
          return batch.asked.length === 1 ? one(question) : Effect.flatMap(answer(batch), () => asked.exit)
        })
      })
  })

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
          const user = byId.get(one.question)
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
