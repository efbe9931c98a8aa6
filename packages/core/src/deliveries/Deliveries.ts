import { Quotas } from "@user-service/cache/Quotas"
import * as Storage from "@user-service/database/Storage"
import {
  type Category,
  type Channel,
  type Delivery,
  DeliveryId,
  DeliveryTimeOutOfReach,
  maxReach,
  NotificationId
} from "@user-service/domain/Delivery"
import { remainingQuota } from "@user-service/domain/deliveries/DailyQuota"
import * as DeliveryPlan from "@user-service/domain/deliveries/DeliveryPlan"
import type { Decision } from "@user-service/domain/deliveries/DeliveryRules"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { Email } from "@user-service/domain/Email"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { ChangesRepo } from "../changes/ChangesRepo.ts"
import { WriteConflict, retryOnConflict } from "./WriteConflict.ts"
import { DeliveriesRepo, type DeliveryFilter, type RecipientRow, type RecipientToken } from "./DeliveriesRepo.ts"
import { claimQuota } from "./QuotaClaims.ts"

/** A delivery that somebody wants to send. */
export interface DeliveryRequest {
  /** Made where it is absent. */
  readonly notificationId?: NotificationId
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  /** When it is to be sent; now where it is absent. */
  readonly at?: DateTime.Utc
}

/** Whether it may be sent. Where to is told of what may: the address, or the tokens, as the channel is. */
export interface Resolution {
  readonly notificationId: NotificationId
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  readonly decision: Decision["decision"]
  readonly rule: Decision["rule"]
  readonly until: Decision["until"]
  readonly email: Email | null
  readonly isVerified: boolean
  readonly pushTokens: ReadonlyArray<RecipientToken>
  /** Null where there is no such user. */
  readonly preferencesVersion: number | null
}

/**
 * Who may be reached now, and what was sent to a user. How a user's day is charged once for each notification and never
 * beyond its limit is told in infra/decisions/0009-deliveries.md.
 */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    /**
     * Decides upon each, in order, and records what it allows. The same notification is charged once and judged anew each
     * time. However many there are, the statements and round trips are as many.
     */
    readonly resolve: (
      requests: ReadonlyArray<DeliveryRequest>
    ) => Effect.Effect<ReadonlyArray<Resolution>, DeliveryTimeOutOfReach | ServiceUnavailable>
    /** The user's deliveries, newest first. */
    readonly page: (
      userId: UserId,
      filter: DeliveryFilter,
      request: PageRequest
    ) => Effect.Effect<Page<Delivery>, ServiceUnavailable>
  }
>()("@user-service/core/deliveries/Deliveries") {
  static readonly layerNoDeps = Layer.effect(
    Deliveries,
    Effect.gen(function* () {
      const quotas = yield* Quotas
      const repo = yield* DeliveriesRepo
      const storage = yield* Storage.Storage
      const users = yield* ChangesRepo
      const random = yield* SecureRandom.SecureRandom

      const name = Effect.fnUntraced(function* (request: DeliveryRequest, now: DateTime.Utc): Effect.fn.Return<Named> {
        const { at = now, category, channel, notificationId, userId } = request
        const uuid = yield* random.uuidV7()
        return {
          id: DeliveryId.make(uuid),
          notificationId: notificationId ?? NotificationId.make(uuid),
          isNew: notificationId === undefined,
          userId,
          channel,
          category,
          at
        }
      })

      const factsOf = Effect.fnUntraced(function* (requests: ReadonlyArray<Named>) {
        const pushed = requests.filter((request) => request.channel === "push")
        const named = requests.filter((request) => !request.isNew)
        const [recipients, tokens, known] = yield* Effect.all(
          [
            repo.recipients(usersOf(requests)),
            pushed.length === 0 ? Effect.succeed([]) : repo.liveTokens(usersOf(pushed)),
            named.length === 0
              ? Effect.succeed([])
              : repo.known([...new Set(named.map((request) => request.notificationId))])
          ],
          { concurrency: "unbounded" }
        )
        return {
          recipients: new Map(recipients.map((recipient) => [recipient.userId, recipient])),
          tokens: Map.groupBy(tokens, (token) => token.userId),
          known
        }
      })

      // By the counts that all share. What these cannot tell is left, and what would change a row that is known; missed is
      // what could not be recorded, since somebody else came in between.
      const resolveOptimistically = Effect.fnUntraced(function* (requests: ReadonlyArray<Named>, now: DateTime.Utc) {
        const facts = { ...(yield* storage.read(factsOf(requests))), mayChange: false }
        const plan = DeliveryPlan.make(requests, facts)
        const decisions = yield* claimQuota(quotas, plan.charges, (days) => storage.read(repo.charged(days)))
        const { records, settled } = DeliveryPlan.settle(plan, decisions)
        const added = new Set(records.length === 0 ? [] : yield* storage.write(repo.add(records, now)))
        const missing = new Set(records.filter(({ id }) => !added.has(id)).map((record) => record.notificationId))
        const isMissed = ({ notificationId }: DeliveryPlan.Request) => missing.has(notificationId)
        const kept = settled.filter(({ request }) => !isMissed(request))
        return { resolved: resolutionsOf(kept, facts), missed: requests.filter(isMissed) }
      })

      // With everybody else kept from charging these users.
      const resolveExclusively = Effect.fnUntraced(function* (requests: ReadonlyArray<Named>, now: DateTime.Utc) {
        const userIds = usersOf(requests)
        yield* users.lock(userIds)
        yield* repo.lockCounts(userIds)
        const facts = { ...(yield* factsOf(requests)), mayChange: true }
        const plan = DeliveryPlan.make(requests, facts)
        const charged = plan.charges.length === 0 ? [] : yield* repo.charged(plan.charges)
        const { records, settled } = DeliveryPlan.settle(plan, remainingQuota(plan.charges, charged))
        const written = yield* repo.write(userIds, records, now)
        if (written.length < records.length) return yield* new WriteConflict()
        return resolutionsOf(settled, facts)
      })

      const resolve = Effect.fn("Deliveries.resolve")(function* (requests: ReadonlyArray<DeliveryRequest>) {
        const now = yield* DateTime.now
        yield* judgeTimes(requests, now)
        const named = yield* Effect.forEach(requests, (request) => name(request, now))
        const resolved = new Map<DeliveryId, Resolution>()
        const keep = (some: ReadonlyMap<DeliveryId, Resolution>) => {
          for (const [id, resolution] of some) resolved.set(id, resolution)
        }

        let open: ReadonlyArray<Named> = named
        // Whoever came in between has left what another look finds; more than the two rows of a notification it cannot be.
        for (let look = 0; look < 3 && open.length > 0; look++) {
          const beside = yield* resolveOptimistically(open, now)
          keep(beside.resolved)
          open = beside.missed
        }
        const left = named.filter((request) => !resolved.has(request.id))
        if (left.length > 0) keep(yield* storage.transaction(resolveExclusively(left, now)).pipe(retryOnConflict))
        return yield* Effect.forEach(named, ({ id }) => Effect.orDie(Effect.fromNullishOr(resolved.get(id))))
      })

      return {
        resolve,
        page: Effect.fn("Deliveries.page")((userId: UserId, filter: DeliveryFilter, request: PageRequest) =>
          storage.read(repo.page(userId, filter, request))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([DeliveriesRepo.layer, ChangesRepo.layer]))
}

interface Facts extends DeliveryPlan.Facts {
  readonly recipients: ReadonlyMap<UserId, RecipientRow>
  readonly tokens: ReadonlyMap<UserId, ReadonlyArray<RecipientToken>>
}

interface Named extends DeliveryPlan.Request {
  /** Nobody else can know it yet. */
  readonly isNew: boolean
}

const usersOf = (requests: ReadonlyArray<Named>) => [...new Set(requests.map((request) => request.userId))]

const judgeTimes = (requests: ReadonlyArray<DeliveryRequest>, now: DateTime.Utc) => {
  const isWithin = (at: DateTime.Utc) =>
    Math.abs(at.epochMilliseconds - now.epochMilliseconds) <= Duration.toMillis(maxReach)
  const indexes = [...requests.keys()].filter((index) => !isWithin(requests[index]?.at ?? now))
  return Array.isArrayNonEmpty(indexes) ? Effect.fail(new DeliveryTimeOutOfReach({ indexes })) : Effect.void
}

// Of those that are decided, by the row they may leave behind.
const resolutionsOf = (
  settled: ReadonlyArray<DeliveryPlan.RequestDecision>,
  facts: Facts
): ReadonlyMap<DeliveryId, Resolution> =>
  new Map(
    settled.flatMap(({ decision, request }) =>
      decision === undefined ? [] : [[request.id, resolutionOf(request, decision, facts)]]
    )
  )

const resolutionOf = (
  { category, channel, notificationId, userId }: DeliveryPlan.Request,
  decision: Decision,
  { recipients, tokens }: Facts
): Resolution => {
  const recipient = recipients.get(userId)
  const isAllowed = decision.decision === "allow"
  return {
    notificationId,
    userId,
    channel,
    category,
    ...decision,
    email: isAllowed && channel === "email" ? (recipient?.email ?? null) : null,
    isVerified: recipient?.isVerified ?? false,
    pushTokens: isAllowed && channel === "push" ? (tokens.get(userId) ?? []) : [],
    preferencesVersion: recipient?.preferencesVersion ?? null
  }
}
