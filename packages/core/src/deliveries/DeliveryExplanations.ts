import * as Storage from "@user-service/database/Storage"
import {
  type Category,
  type Channel,
  type Delivery,
  type DeliveryRule,
  DeliveryTimeOutOfReach,
  isWithinReach,
  type NotificationId,
  type StatusChange
} from "@user-service/domain/Delivery"
import {
  ExplainedDecision,
  ExplainedDelivery,
  ExplainedNotification,
  localTime,
  recordedEvidence,
  settingsBefore,
  switchOf
} from "@user-service/domain/deliveries/DeliveryExplanation"
import {
  type Decision,
  type DeliveryCase,
  type Evidence,
  recordedChecks,
  type SuppressionDetails,
  trace
} from "@user-service/domain/deliveries/DeliveryRules"
import { allowedNowStep, deliveryStep, erasedStep, nextStep } from "@user-service/domain/deliveries/NextStep"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { localDay, offsetMinutes, wallClock } from "@user-service/domain/WallClock"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import { PreferenceHistoryRepo } from "../preferences/PreferenceHistoryRepo.ts"
import { DeliveriesRepo, type RecipientRow } from "./DeliveriesRepo.ts"
import {
  type AddressState,
  DeliveryExplanationsRepo,
  type RecordedDecision,
  type StoredDelivery
} from "./DeliveryExplanationsRepo.ts"

/** A delivery to explain the decision on. */
export interface ExplanationQuery {
  readonly channel: Channel
  readonly category: Category
  /** When it would be sent, in the time that a sender may ask for. Default: now. */
  readonly at?: DateTime.Utc
}

// More than a sender and its mistakes need. The notification of one user has at most two.
const maxDecisions = 50

// Settings of a version that is further back are unknown.
const maxChanges = 1000

/** Explains decisions on deliveries to staff: the decision now, and decisions as they were recorded (decision 0040). */
export class DeliveryExplanations extends Context.Service<
  DeliveryExplanations,
  {
    /** The decision on a new notification to the user. Charges and records nothing. */
    readonly explain: (
      userId: UserId,
      query: ExplanationQuery
    ) => Effect.Effect<ExplainedDecision, DeliveryTimeOutOfReach | ServiceUnavailable>
    /** The recorded decisions on the notification and the statuses of its deliveries, by user and channel. */
    readonly recorded: (notificationId: NotificationId) => Effect.Effect<ExplainedNotification, ServiceUnavailable>
  }
>()("@user-service/core/deliveries/DeliveryExplanations") {
  static readonly layerNoDeps = Layer.effect(
    DeliveryExplanations,
    Effect.gen(function* () {
      const repo = yield* DeliveryExplanationsRepo
      const deliveries = yield* DeliveriesRepo
      const history = yield* PreferenceHistoryRepo
      const storage = yield* Storage.Storage

      const changeOf = Effect.fnUntraced(function* (
        userId: UserId,
        version: number | null,
        decided: { readonly rule: DeliveryRule | null; readonly channel: Channel; readonly category: Category }
      ) {
        const setting = switchOf(decided.rule, decided)
        if (setting === undefined || version === null) return null
        return Option.getOrNull(yield* history.lastOf(userId, setting, version))
      })

      const currentState = Effect.fnUntraced(function* (userId: UserId) {
        const [[recipient], address] = yield* Effect.all([deliveries.recipients([userId]), repo.addressState(userId)], {
          concurrency: 2
        })
        return { recipient, address: Option.getOrUndefined(address) }
      })

      const explainNow = Effect.fnUntraced(function* (userId: UserId, query: Required<ExplanationQuery>) {
        const { at, category, channel } = query
        const { address, recipient } = yield* currentState(userId)
        const clock = recipient && wallClock(recipient.timezone)
        const charged = clock && (yield* repo.chargedCount({ userId, day: localDay(clock, at.epochMilliseconds) }))
        const pushTokens = address?.pushTokens ?? null
        const delivery: DeliveryCase = {
          channel,
          category,
          at,
          recipient: recipient && { ...recipient, hasPushTokens: (pushTokens ?? 0) > 0, preferences: recipient },
          isFull: recipient !== undefined && (charged ?? 0) >= recipient.frequencyLimit,
          isOfAnotherUser: false
        }
        const evidence: Evidence = {
          isKnownUser: recipient !== undefined,
          isActive: recipient?.isActive ?? null,
          preferences: recipient ?? null,
          isSuppressed: recipient?.isSuppressed ?? null,
          suppression: address === undefined ? null : suppressionOf(address),
          pushTokens,
          timezone: recipient?.timezone ?? null,
          localTime: localTime(at, clock ? offsetMinutes(clock, at.epochMilliseconds) : null),
          frequencyLimit: recipient?.frequencyLimit ?? null,
          charged: charged ?? null,
          isOfAnotherUser: false
        }
        const { checks, decision } = trace(delivery, evidence)
        const preferencesVersion = recipient?.preferencesVersion ?? null
        const change = yield* changeOf(userId, preferencesVersion, { channel, category, rule: decision.rule })
        return new ExplainedDecision(
          {
            ...decision,
            channel,
            category,
            at,
            decidedAt: yield* DateTime.now,
            preferencesVersion,
            checks,
            nextStep: nextStep({ decision, channel, category, evidence, change })
          },
          { disableChecks: true }
        )
      })

      const settingsOf = Effect.fnUntraced(function* (recipient: RecipientRow | undefined, version: number | null) {
        if (recipient === undefined || version === null) return null
        const changes = yield* history.after(recipient.userId, version, maxChanges)
        return changes.length === maxChanges ? null : settingsBefore(recipient, changes)
      })

      const explainRecorded = Effect.fnUntraced(function* (
        recipient: RecipientRow | undefined,
        recorded: RecordedDecision
      ) {
        const { category, channel, decidedAt, preferencesVersion, sendAt, userId } = recorded
        const decision = decisionOf(recorded)
        const settings = yield* settingsOf(recipient, preferencesVersion)
        const evidence = recordedEvidence({ ...recorded, at: sendAt, settings })
        return new ExplainedDecision(
          {
            ...decision,
            channel,
            category,
            at: sendAt,
            decidedAt,
            preferencesVersion,
            checks: recordedChecks(decision, recorded, evidence),
            nextStep: nextStep({
              decision,
              channel,
              category,
              evidence,
              change: yield* changeOf(userId, preferencesVersion, recorded)
            })
          },
          { disableChecks: true }
        )
      })

      const explainDelivery = Effect.fnUntraced(function* (
        found: RecordedDelivery,
        recipients: ReadonlyMap<UserId, RecipientRow>,
        now: DateTime.Utc
      ) {
        const { channel, decisions, delivery, statuses, userId } = found
        const recipient = userId === null ? undefined : recipients.get(userId)
        const explained = yield* Effect.forEach(decisions, (one) => explainRecorded(recipient, one))
        const [newest] = explained
        const isRefused = newest !== undefined && newest.decision !== "allow" && userId !== null
        const steps = isRefused ? refusalSteps(newest, yield* explainNow(userId, { ...newest, at: now })) : []
        if (delivery !== null) steps.push(userId === null ? erasedStep : deliveryStep(delivery))
        return new ExplainedDelivery(
          {
            userId,
            channel,
            delivery,
            statuses,
            decisions: explained,
            nextStep: steps.join(" ") || (newest?.nextStep ?? "")
          },
          { disableChecks: true }
        )
      })

      const readRecorded = Effect.fnUntraced(function* (
        notificationId: NotificationId
      ): Effect.fn.Return<ExplainedNotification, SqlError.SqlError> {
        const now = yield* DateTime.now
        const [stored, decisions] = yield* Effect.all(
          [repo.deliveries(notificationId), repo.decisions(notificationId, maxDecisions)],
          { concurrency: 2 }
        )
        const found = byUserAndChannel(stored, decisions)
        const userIds = new Set(found.flatMap(({ userId }) => (userId === null ? [] : [userId])))
        const recipients = yield* deliveries.recipients([...userIds])
        const recipientsById = new Map(recipients.map((recipient) => [recipient.userId, recipient]))
        return new ExplainedNotification(
          {
            notificationId,
            deliveries: yield* Effect.forEach(found, (one) => explainDelivery(one, recipientsById, now))
          },
          { disableChecks: true }
        )
      })

      return {
        explain: Effect.fn("DeliveryExplanations.explain")(function* (userId: UserId, query: ExplanationQuery) {
          const now = yield* DateTime.now
          const at = query.at ?? now
          if (!isWithinReach(at, now)) return yield* new DeliveryTimeOutOfReach({ indexes: [0] })
          return yield* storage.read(explainNow(userId, { ...query, at }))
        }),
        recorded: Effect.fn("DeliveryExplanations.recorded")((notificationId: NotificationId) =>
          storage.read(readRecorded(notificationId))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([DeliveryExplanationsRepo.layer, DeliveriesRepo.layer, PreferenceHistoryRepo.layer])
  )
}

interface RecordedDelivery {
  readonly userId: UserId | null
  readonly channel: Channel | null
  delivery: Delivery | null
  statuses: ReadonlyArray<StatusChange>
  /** The newest first. */
  readonly decisions: Array<RecordedDecision>
}

const byUserAndChannel = (
  stored: ReadonlyArray<StoredDelivery>,
  decisions: ReadonlyArray<RecordedDecision>
): ReadonlyArray<RecordedDelivery> => {
  const found = new Map<string, RecordedDelivery>()
  const entryOf = (userId: UserId | null, channel: Channel | null): RecordedDelivery => {
    const key = `${userId} ${channel}`
    const entry = found.get(key) ?? { userId, channel, delivery: null, statuses: [], decisions: [] }
    found.set(key, entry)
    return entry
  }
  for (const { decision, delivery, statuses, userId } of stored) {
    const entry = entryOf(userId, delivery.channel)
    entry.delivery = delivery
    entry.statuses = statuses
    if (decision !== null) entry.decisions.push(decision)
  }
  for (const decision of decisions) entryOf(decision.userId, decision.channel).decisions.push(decision)
  for (const entry of found.values()) {
    entry.decisions.sort((a, b) => b.decidedAt.epochMilliseconds - a.decidedAt.epochMilliseconds)
  }
  return [...found.values()]
}

// The decision now says more about the same rule, for example since when the address is suppressed.
const refusalSteps = (recorded: ExplainedDecision, current: ExplainedDecision): Array<string> => {
  // The decision now is about a notification without an id.
  if (recorded.rule === "user_mismatch") return [recorded.nextStep]
  if (current.rule === recorded.rule) return [current.nextStep]
  return [recorded.nextStep, current.decision === "allow" ? allowedNowStep : current.nextStep]
}

const decisionOf = ({ rule, until }: RecordedDecision): Decision => {
  if (rule === null) return { decision: "allow", rule, until: null }
  return until === null ? { decision: "deny", rule, until } : { decision: "defer", rule, until }
}

const suppressionOf = ({ reason, since }: AddressState): SuppressionDetails | null =>
  reason === null || since === null ? null : { reason, since }
