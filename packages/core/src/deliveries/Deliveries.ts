import { Quotas } from "@user-service/cache/Quotas"
import * as Storage from "@user-service/database/Storage"
import {
  type Category,
  type Channel,
  type Delivery,
  DeliveryId,
  DeliveryTimeOutOfReach,
  isWithinReach,
  NotificationId
} from "@user-service/domain/Delivery"
import { remainingQuota } from "@user-service/domain/deliveries/DailyQuota"
import * as DeliveryPlan from "@user-service/domain/deliveries/DeliveryPlan"
import type { Decision } from "@user-service/domain/deliveries/DeliveryRules"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { Email } from "@user-service/domain/Email"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { ActivityCounts } from "../activity/ActivityCounts.ts"
import { ChangesRepo } from "../changes/ChangesRepo.ts"
import { type UnsubscribeLinks, UnsubscribeUrls } from "../unsubscribe/UnsubscribeUrls.ts"
import { WriteConflict, retryOnConflict } from "./WriteConflict.ts"
import * as DecisionMetrics from "./DecisionMetrics.ts"
import { DeliveriesRepo, type DeliveryFilter, type RecipientRow, type RecipientToken } from "./DeliveriesRepo.ts"
import { claimQuota } from "./QuotaClaims.ts"

/** A delivery that a sender wants to send. */
export interface DeliveryRequest {
  /** Generated if absent. */
  readonly notificationId?: NotificationId
  readonly userId: UserId
  readonly channel: Channel
  readonly category: Category
  /** When it will be sent. Default: now. */
  readonly at?: DateTime.Utc
  /** Whether to make unsubscribe links, for e-mails of all categories but security. */
  readonly unsubscribe?: boolean
}

/** The decision on a delivery. An allowed one has the e-mail address or the push tokens, depending on its channel. */
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
  /** Null if the user does not exist. */
  readonly preferencesVersion: number | null
  /** Of an allowed e-mail, if they were requested. */
  readonly unsubscribe?: UnsubscribeLinks
}

/**
 * Decides which deliveries may be sent, and lists the deliveries of a user. infra/decisions/0009-deliveries.md explains the
 * daily quota: each notification is charged once to the user's local day, and never beyond the limit.
 */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    /**
     * Decides on each request, in order, and records the allowed ones, and all decisions on notifications that have an id in the
     * request (decision 0040). A notification that is resolved again is charged once,
     * but the rules apply each time. The number of statements does not depend on the number of requests.
     */
    readonly resolve: (
      requests: ReadonlyArray<DeliveryRequest>
    ) => Effect.Effect<ReadonlyArray<Resolution>, DeliveryTimeOutOfReach | ServiceUnavailable>
    /** The user's deliveries, the newest first. */
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
      const unsubscribeUrls = yield* UnsubscribeUrls
      const activity = yield* ActivityCounts

      const withIds = Effect.fnUntraced(function* (
        request: DeliveryRequest,
        now: DateTime.Utc
      ): Effect.fn.Return<DeliveryPlan.Request> {
        const { at = now, category, channel, notificationId, userId } = request
        const uuid = yield* random.uuidV7()
        return {
          id: DeliveryId.make(uuid),
          notificationId: notificationId ?? NotificationId.make(uuid),
          isNamed: notificationId !== undefined,
          userId,
          channel,
          category,
          at
        }
      })

      const factsOf = Effect.fnUntraced(function* (requests: ReadonlyArray<DeliveryPlan.Request>) {
        const pushRequests = requests.filter((request) => request.channel === "push")
        const repeatable = requests.filter((request) => request.isNamed)
        const [recipients, tokens, known] = yield* Effect.all(
          [
            repo.recipients(usersOf(requests)),
            pushRequests.length === 0 ? Effect.succeed([]) : repo.liveTokens(usersOf(pushRequests)),
            repeatable.length === 0
              ? Effect.succeed([])
              : repo.known([...new Set(repeatable.map((request) => request.notificationId))])
          ],
          { concurrency: "unbounded" }
        )
        return {
          recipients: new Map(recipients.map((recipient) => [recipient.userId, recipient])),
          tokens: Map.groupBy(tokens, (token) => token.userId),
          known
        }
      })

      // Without locks, by the shared counts of the daily quota. It leaves requests undecided whose count is unknown or that
      // would change a stored row. `missed` are the requests that could not be recorded, because another transaction wrote
      // the same rows first.
      const resolveOptimistically = Effect.fnUntraced(function* (
        requests: ReadonlyArray<DeliveryPlan.Request>,
        now: DateTime.Utc,
        linksOf: LinksOf
      ) {
        const facts = { ...(yield* storage.read(factsOf(requests))), mayChange: false }
        const plan = DeliveryPlan.make(requests, facts)
        const quotaDecisions = yield* claimQuota(quotas, plan.charges, (days) => storage.read(repo.charged(days)))
        const { decisions, records, requestDecisions } = DeliveryPlan.complete(plan, quotaDecisions)
        // The resolutions are made while the server writes, because signing the links of many e-mails takes long. The yield lets the
        // write be sent first.
        const [added, resolutions] = yield* Effect.all(
          [
            records.length === 0 && decisions.length === 0
              ? Effect.succeed([])
              : storage.write(repo.add(records, decisions, now)),
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => resolutionsOf(requestDecisions, facts, linksOf))
            )
          ],
          { concurrency: 2 }
        )
        const addedIds = new Set(added)
        const missedIds = new Set(records.filter(({ id }) => !addedIds.has(id)).map((record) => record.notificationId))
        const isMissed = ({ notificationId }: DeliveryPlan.Request) => missedIds.has(notificationId)
        const missed = requests.filter(isMissed)
        for (const { id } of missed) resolutions.delete(id)
        yield* activity.add("deliveries_pending", added.length)
        return { resolved: resolutions, missed }
      })

      // With locks, so that no other transaction charges these users.
      const resolveExclusively = Effect.fnUntraced(function* (
        requests: ReadonlyArray<DeliveryPlan.Request>,
        now: DateTime.Utc,
        linksOf: LinksOf
      ) {
        const userIds = usersOf(requests)
        yield* users.lock(userIds)
        yield* repo.lockCounts(userIds)
        const facts = { ...(yield* factsOf(requests)), mayChange: true }
        const plan = DeliveryPlan.make(requests, facts)
        const charged = plan.charges.length === 0 ? [] : yield* repo.charged(plan.charges)
        const quotaDecisions = remainingQuota(plan.charges, charged)
        const { decisions, records, requestDecisions } = DeliveryPlan.complete(plan, quotaDecisions)
        const writtenIds = yield* repo.write(userIds, records, decisions, now)
        if (writtenIds.length < records.length) return yield* new WriteConflict()
        const added = records.filter(({ isNew }) => isNew).length
        return { resolved: resolutionsOf(requestDecisions, facts, linksOf), added }
      })

      const resolve = Effect.fn("Deliveries.resolve")(function* (requests: ReadonlyArray<DeliveryRequest>) {
        const now = yield* DateTime.now
        yield* checkTimes(requests, now)
        const identified = yield* Effect.forEach(requests, (request) => withIds(request, now))
        const linkedIds = new Set(
          identified.filter((_, index) => requests[index]?.unsubscribe === true).map(({ id }) => id)
        )
        const linksOf = linkedIds.size === 0 ? withoutLinks : linksFor(linkedIds, unsubscribeUrls.maker(now))
        const resolved = new Map<DeliveryId, Resolution>()
        const collect = (resolutions: ReadonlyMap<DeliveryId, Resolution>) => {
          for (const [id, resolution] of resolutions) resolved.set(id, resolution)
        }

        let pending: ReadonlyArray<DeliveryPlan.Request> = identified
        // The next attempt reads what another transaction wrote. Three are enough: a notification has at most two rows.
        for (let attempt = 0; attempt < 3 && pending.length > 0; attempt++) {
          const optimistic = yield* resolveOptimistically(pending, now, linksOf)
          collect(optimistic.resolved)
          pending = optimistic.missed
        }
        const undecided = identified.filter((request) => !resolved.has(request.id))
        if (undecided.length > 0) {
          const exclusive = yield* storage
            .transaction(resolveExclusively(undecided, now, linksOf))
            .pipe(retryOnConflict)
          yield* activity.add("deliveries_pending", exclusive.added)
          collect(exclusive.resolved)
        }
        const resolutions = yield* Effect.forEach(identified, ({ id }) =>
          Effect.orDie(Effect.fromNullishOr(resolved.get(id)))
        )
        yield* DecisionMetrics.count(resolutions)
        return resolutions
      })

      return {
        resolve,
        page: Effect.fn("Deliveries.page")((userId: UserId, filter: DeliveryFilter, request: PageRequest) =>
          storage.read(repo.page(userId, filter, request))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ActivityCounts.layer, DeliveriesRepo.layer, ChangesRepo.layer, UnsubscribeUrls.layer])
  )
}

interface Facts extends DeliveryPlan.Facts {
  readonly recipients: ReadonlyMap<UserId, RecipientRow>
  readonly tokens: ReadonlyMap<UserId, ReadonlyArray<RecipientToken>>
}

/** The links of an allowed e-mail, if its request asked for them. */
type LinksOf = (request: DeliveryPlan.Request, email: Email) => Pick<Resolution, "unsubscribe">

const withoutLinks: LinksOf = () => ({})

// Security notifications cannot be switched off by a link: a stranger who reads an old mail must not silence them.
const linksFor =
  (linkedIds: ReadonlySet<DeliveryId>, makeLinks: ReturnType<UnsubscribeUrls["Service"]["maker"]>): LinksOf =>
  ({ category, channel, id, userId }, email) =>
    category !== "security" && linkedIds.has(id) ? { unsubscribe: makeLinks({ userId, channel, category, email }) } : {}

const usersOf = (requests: ReadonlyArray<DeliveryPlan.Request>) => [
  ...new Set(requests.map((request) => request.userId))
]

const checkTimes = (requests: ReadonlyArray<DeliveryRequest>, now: DateTime.Utc) => {
  const indexes = [...requests.keys()].filter((index) => !isWithinReach(requests[index]?.at ?? now, now))
  return Array.isArrayNonEmpty(indexes) ? Effect.fail(new DeliveryTimeOutOfReach({ indexes })) : Effect.void
}

// The resolutions of the decided requests, by delivery id.
const resolutionsOf = (
  requestDecisions: ReadonlyArray<DeliveryPlan.RequestDecision>,
  facts: Facts,
  linksOf: LinksOf
): Map<DeliveryId, Resolution> =>
  new Map(
    requestDecisions.flatMap(({ decision, request }) =>
      decision === undefined ? [] : [[request.id, resolutionOf(request, decision, facts, linksOf)]]
    )
  )

const resolutionOf = (
  request: DeliveryPlan.Request,
  decision: Decision,
  { recipients, tokens }: Facts,
  linksOf: LinksOf
): Resolution => {
  const { category, channel, notificationId, userId } = request
  const recipient = recipients.get(userId)
  const isAllowed = decision.decision === "allow"
  const email = isAllowed && channel === "email" ? (recipient?.email ?? null) : null
  return {
    notificationId,
    userId,
    channel,
    category,
    ...decision,
    email,
    isVerified: recipient?.isVerified ?? false,
    pushTokens: isAllowed && channel === "push" ? (tokens.get(userId) ?? []) : [],
    preferencesVersion: recipient?.preferencesVersion ?? null,
    ...(email === null ? {} : linksOf(request, email))
  }
}
