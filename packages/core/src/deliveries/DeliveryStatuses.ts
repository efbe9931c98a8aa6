import * as Storage from "@user-service/database/Storage"
import {
  DeliveryId,
  DeliveryStatus,
  type NotificationId,
  type StatusOutcome,
  type StatusReport
} from "@user-service/domain/Delivery"
import { spellingsOf } from "@user-service/domain/DeviceTokenForm"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import { ActivityCounts } from "../activity/ActivityCounts.ts"
import type { AuditEntry } from "../changes/ChangesRepo.ts"
import { Changes } from "../changes/Changes.ts"
import { CurrentOrigin } from "../Origin.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { WriteConflict, retryOnConflict } from "./WriteConflict.ts"
import { DeliveriesRepo } from "./DeliveriesRepo.ts"
import { DeliveryStatusesRepo } from "./DeliveryStatusesRepo.ts"
import { isGone, isNamed } from "@user-service/domain/deliveries/FailedDevices"
import * as StatusFold from "@user-service/domain/deliveries/StatusFold"

// The stored lengths of a sender's texts, in UTF-16 units.
const maxErrorLength = 1000
const maxNameLength = 100

/** Applies the status reports of senders. */
export class DeliveryStatuses extends Context.Service<
  DeliveryStatuses,
  {
    /**
     * Applies the reports in order, in one transaction, and returns the outcome of each. Duplicates and another order lead to
     * the same state.
     *
     * Deactivates a device that its push service no longer knows and that was not registered since, if the notification was
     * resolved here for push or the report has the raw token. Suppresses an address after a hard bounce or a complaint, if the
     * notification was resolved here for e-mail. Otherwise the report is only recorded, because its sender may have got the
     * address elsewhere. The audit entries have no origin, because the client of the request is the sender, not the user.
     */
    readonly report: (
      reports: ReadonlyArray<StatusReport>
    ) => Effect.Effect<ReadonlyArray<StatusOutcome>, ServiceUnavailable>
  }
>()("@user-service/core/deliveries/DeliveryStatuses") {
  static readonly layerNoDeps = Layer.effect(
    DeliveryStatuses,
    Effect.gen(function* () {
      const repo = yield* DeliveryStatusesRepo
      const inactiveTokens = yield* InactivePushTokens
      const deliveries = yield* DeliveriesRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const random = yield* SecureRandom.SecureRandom
      const digest = yield* Digest.Digest
      const activity = yield* ActivityCounts
      const encoder = new TextEncoder()

      const hash = (token: string) => Effect.map(digest.digest(Digest.sha256, encoder.encode(token)), Hex.encode)

      const receive = Effect.fnUntraced(function* (report: StatusReport, now: DateTime.Utc) {
        const { error = "", errorCode = "", provider = "", pushToken, timestamp } = report
        const received: StatusFold.ReceivedReport = {
          ...report,
          id: DeliveryId.make(yield* random.uuidV7()),
          at: timestamp === undefined ? now : DateTime.min(timestamp, now),
          tokenHashes: pushToken === undefined ? [] : yield* Effect.forEach(spellingsOf(pushToken), hash),
          error: clip(error, maxErrorLength),
          errorCode: clip(errorCode, maxNameLength),
          provider: clip(provider, maxNameLength)
        }
        return received
      })

      const devicesOf = (reports: ReadonlyArray<StatusFold.ReceivedReport>) =>
        repo.devices(
          reports.flatMap((report) => report.pushTokenId ?? []),
          reports.flatMap((report) => report.tokenHashes)
        )

      // Adds the user to reports of notifications that were not resolved here and that name a device but no user.
      const withOwners = Effect.fnUntraced(function* (
        reports: ReadonlyArray<StatusFold.ReceivedReport>,
        owners: ReadonlyMap<NotificationId, ReadonlySet<UserId>>
      ) {
        const lacksOwner = (report: StatusFold.ReceivedReport) =>
          StatusFold.namesDevice(report) && !owners.has(report.notificationId)
        const ownerless = reports.filter(lacksOwner)
        if (ownerless.length === 0) return reports
        const devices = yield* storage.read(devicesOf(ownerless))
        return reports.map((report) => {
          const device = lacksOwner(report) ? devices.find((device) => isNamed(device, report)) : undefined
          return device === undefined ? report : { ...report, userId: device.userId }
        })
      })

      const deactivate = Effect.fnUntraced(function* (
        failures: ReadonlyArray<StatusFold.DeviceFailure>,
        now: DateTime.Utc
      ) {
        if (failures.length === 0) return []
        const devices = yield* devicesOf(failures.map(({ report }) => report))
        const gone = devices.filter((device) => failures.some((failure) => isGone(device, failure)))
        if (gone.length === 0) return []
        const deactivated = yield* repo.deactivate(
          gone.map((device) => device.id),
          now
        )
        if (deactivated.length > 0) yield* inactiveTokens.trim(deactivated.map(({ userId }) => userId))
        return deactivated
      })

      const suppress = Effect.fnUntraced(function* (
        suppressions: ReadonlyArray<StatusFold.Suppression>,
        now: DateTime.Utc
      ) {
        if (suppressions.length === 0) return []
        const suppressed = new Set(yield* repo.suppress(suppressions, now))
        return suppressions.filter(({ userId }) => suppressed.has(userId))
      })

      const apply = Effect.fnUntraced(function* (
        received: ReadonlyArray<StatusFold.ReceivedReport>,
        now: DateTime.Utc
      ) {
        const notificationIds = [...new Set(received.map((report) => report.notificationId))]
        const before = Map.groupBy(yield* storage.read(repo.known(notificationIds)), (row) => row.notificationId)
        const knownOf = (report: StatusFold.ReceivedReport) => before.get(report.notificationId) ?? []
        const reports = yield* withOwners(received, ownersOf(received, before))
        const owners = ownersOf(reports, before)
        const usersOf = (reports: ReadonlyArray<StatusFold.ReceivedReport>) =>
          new Set(reports.flatMap((report) => [...(owners.get(report.notificationId) ?? [])]))
        const lockedUsers = usersOf(reports.filter(StatusFold.mayEndAddress))
        const lockedCounts = usersOf(reports.filter((report) => StatusFold.mayRecount(report, knownOf(report))))
        const namedUsers = usersOf(reports.filter((report) => !before.has(report.notificationId)))

        return yield* changes.changeLocking(
          [...lockedUsers],
          Effect.gen(function* () {
            // The lock order is the same everywhere: users, counts, deliveries.
            const present = namedUsers.size === 0 ? [] : yield* repo.present([...namedUsers])
            if (lockedCounts.size > 0) yield* deliveries.lockCounts([...lockedCounts])
            const known = yield* repo.lockKnown(notificationIds)
            const fold = StatusFold.fold(reports, known, new Set(present), now)
            // The deliveries may have changed since they were read without a lock, and with them the users to lock.
            if (!isCoveredBy(fold, { users: lockedUsers, counts: lockedCounts, named: namedUsers }))
              return yield* new WriteConflict()
            const added = fold.rows.length === 0 ? 0 : yield* repo.write(fold.rows)
            if (added < fold.rows.filter((row) => row.isNew).length) return yield* new WriteConflict()
            if (fold.recounted.size > 0) yield* repo.incrementEpochs([...fold.recounted])
            const deactivated = yield* deactivate(fold.deviceFailures, now)
            const suppressed = yield* suppress(fold.suppressions, now)
            const audit: ReadonlyArray<AuditEntry> = [
              ...deactivated.map(({ id, userId }) => ({
                userId,
                action: "push_token.unregistered",
                details: { tokenId: id }
              })),
              ...suppressed.map(({ reason, userId }) => ({ userId, action: "email.suppressed", details: { reason } }))
            ]
            return { result: fold, events: pushTokensRemoved(deactivated, "unregistered"), audit }
          })
        )
      })

      // Each status that a delivery had, also those that a later report of the same call replaced.
      const count = ({ rows }: StatusFold.FoldResult) => {
        const reached = rows.flatMap(({ newStatuses }) => newStatuses.map(({ status }) => status))
        return Effect.forEach(
          DeliveryStatus.literals,
          (status) => activity.add(`deliveries_${status}`, reached.filter((one) => one === status).length),
          { discard: true }
        )
      }

      return {
        report: Effect.fn("DeliveryStatuses.report")(
          function* (reports: ReadonlyArray<StatusReport>) {
            if (reports.length === 0) return []
            const now = yield* DateTime.now
            const received = yield* Effect.forEach(reports, (report) => receive(report, now))
            const fold = yield* retryOnConflict(apply(received, now))
            yield* count(fold)
            return fold.outcomes
          },
          // The audit entries are the user's, and must not hold the address of the sender.
          Effect.provideService(CurrentOrigin, { ip: null, network: "local", userAgent: "" })
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      ActivityCounts.layer,
      DeliveryStatusesRepo.layer,
      InactivePushTokens.layer,
      DeliveriesRepo.layer,
      Changes.layer
    ])
  )
}

const clip = (text: string, length: number): string => text.slice(0, length).toWellFormed()

// The possible owners of each notification: the stored one, else all users that its reports name, as some may not exist.
const ownersOf = (
  reports: ReadonlyArray<StatusFold.ReceivedReport>,
  known: ReadonlyMap<NotificationId, ReadonlyArray<StatusFold.DeliveryState>>
): ReadonlyMap<NotificationId, ReadonlySet<UserId>> => {
  const owners = new Map<NotificationId, Set<UserId>>()
  for (const [id, [first]] of known) {
    if (first !== undefined) owners.set(id, new Set(first.userId === null ? [] : [first.userId]))
  }
  for (const { notificationId, userId } of reports) {
    if (userId === undefined || known.has(notificationId)) continue
    owners.set(notificationId, new Set(owners.get(notificationId)).add(userId))
  }
  return owners
}

const isCoveredBy = (
  { deviceFailures, named, recounted, suppressions }: StatusFold.FoldResult,
  locked: Record<"users" | "counts" | "named", ReadonlySet<UserId>>
): boolean =>
  [...deviceFailures, ...suppressions].every(({ userId }) => locked.users.has(userId)) &&
  [...recounted].every((userId) => locked.counts.has(userId)) &&
  [...named].every((userId) => locked.named.has(userId))
