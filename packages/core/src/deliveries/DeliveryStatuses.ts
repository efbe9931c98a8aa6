import * as Storage from "@user-service/database/Storage"
import { DeliveryId, type NotificationId, type StatusOutcome, type StatusReport } from "@user-service/domain/Delivery"
import { spellingsOf } from "@user-service/domain/DeviceTokenForm"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { AuditEntry } from "../changes/ChangesRepo.ts"
import { Changes } from "../changes/Changes.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { WriteConflict, retryOnConflict } from "./WriteConflict.ts"
import { DeliveriesRepo } from "./DeliveriesRepo.ts"
import { DeliveryStatusesRepo } from "./DeliveryStatusesRepo.ts"
import { isGone, isNamed } from "@user-service/domain/deliveries/FailedDevices"
import * as StatusFold from "@user-service/domain/deliveries/StatusFold"

// The longest that is kept of what a sender says.
const maxError = 1000
const maxWord = 100

/** What senders tell of deliveries. */
export class DeliveryStatuses extends Context.Service<
  DeliveryStatuses,
  {
    /**
     * Applies the reports, in order, as one transaction; answers what became of each. Told again, or in another order, they
     * come to the same. A device that its push service no longer knows is deactivated, unless it was registered since: where
     * the notification was resolved here for push, or the report names the raw token. An address that bounced for good, or
     * whose owner complained, is suppressed: where the notification was resolved here for e-mail. Other reports are recorded
     * only, because their sender may not have been told where to send.
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
      const inactive = yield* InactivePushTokens
      const deliveries = yield* DeliveriesRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const random = yield* SecureRandom.SecureRandom
      const digest = yield* Digest.Digest
      const encoder = new TextEncoder()

      const hash = (token: string) => Effect.map(digest.digest(Digest.sha256, encoder.encode(token)), Hex.encode)

      const receive = Effect.fnUntraced(function* (report: StatusReport, now: DateTime.Utc) {
        const { error = "", errorCode = "", provider = "", pushToken, timestamp } = report
        const received: StatusFold.ReceivedReport = {
          ...report,
          id: DeliveryId.make(yield* random.uuidV7()),
          at: timestamp === undefined ? now : DateTime.min(timestamp, now),
          tokenHashes: pushToken === undefined ? [] : yield* Effect.forEach(spellingsOf(pushToken), hash),
          error: clip(error, maxError),
          errorCode: clip(errorCode, maxWord),
          provider: clip(provider, maxWord)
        }
        return received
      })

      const devicesOf = (reports: ReadonlyArray<StatusFold.ReceivedReport>) =>
        repo.devices(
          reports.flatMap((report) => report.pushTokenId ?? []),
          reports.flatMap((report) => report.tokenHashes)
        )

      // Whose a notification is that nobody resolved here, nor any report says, can be told by the device it went to.
      const withOwners = Effect.fnUntraced(function* (
        reports: ReadonlyArray<StatusFold.ReceivedReport>,
        owners: ReadonlyMap<NotificationId, ReadonlySet<UserId>>
      ) {
        const isOpen = (report: StatusFold.ReceivedReport) =>
          StatusFold.namesDevice(report) && !owners.has(report.notificationId)
        const open = reports.filter(isOpen)
        if (open.length === 0) return reports
        const devices = yield* storage.read(devicesOf(open))
        return reports.map((report) => {
          const device = isOpen(report) ? devices.find((device) => isNamed(device, report)) : undefined
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
        if (deactivated.length > 0) yield* inactive.trim(deactivated.map(({ userId }) => userId))
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
        const usersOf = (some: ReadonlyArray<StatusFold.ReceivedReport>) =>
          new Set(some.flatMap((report) => [...(owners.get(report.notificationId) ?? [])]))
        const changed = usersOf(reports.filter(StatusFold.mayEndAddress))
        const counted = usersOf(reports.filter((report) => StatusFold.mayRecount(report, knownOf(report))))
        const named = usersOf(reports.filter((report) => !before.has(report.notificationId)))

        return yield* changes.changeLocking(
          [...changed],
          Effect.gen(function* () {
            // All locks of users before those of counts, and those before those of deliveries, as everywhere.
            const present = named.size === 0 ? [] : yield* repo.present([...named])
            if (counted.size > 0) yield* deliveries.lockCounts([...counted])
            const known = yield* repo.lockKnown(notificationIds)
            const folded = StatusFold.fold(reports, known, new Set(present), now)
            // What is known may have changed since it was looked at, and with it who is to be locked.
            if (!isWithin(folded, { changed, counted, named })) return yield* new WriteConflict()
            const added = folded.rows.length === 0 ? 0 : yield* repo.write(folded.rows)
            if (added < folded.rows.filter((row) => row.isNew).length) return yield* new WriteConflict()
            if (folded.recounted.size > 0) yield* repo.moveCounts([...folded.recounted])
            const deactivated = yield* deactivate(folded.deviceFailures, now)
            const suppressed = yield* suppress(folded.suppressions, now)
            const audit: ReadonlyArray<AuditEntry> = [
              ...deactivated.map(({ id, userId }) => ({
                userId,
                action: "push_token.unregistered",
                details: { tokenId: id }
              })),
              ...suppressed.map(({ reason, userId }) => ({ userId, action: "email.suppressed", details: { reason } }))
            ]
            return { result: folded.outcomes, events: pushTokensRemoved(deactivated, "unregistered"), audit }
          })
        )
      })

      return {
        report: Effect.fn("DeliveryStatuses.report")(function* (reports: ReadonlyArray<StatusReport>) {
          if (reports.length === 0) return []
          const now = yield* DateTime.now
          const received = yield* Effect.forEach(reports, (report) => receive(report, now))
          return yield* retryOnConflict(apply(received, now))
        })
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([DeliveryStatusesRepo.layer, InactivePushTokens.layer, DeliveriesRepo.layer, Changes.layer])
  )
}

const clip = (text: string, length: number): string => text.slice(0, length).toWellFormed()

// Whose each notification may be: as is known, else any who is named, for the first of them may not be there.
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

const isWithin = (
  { deviceFailures, named, recounted, suppressions }: StatusFold.FoldResult,
  locked: Record<"changed" | "counted" | "named", ReadonlySet<UserId>>
): boolean =>
  [...deviceFailures, ...suppressions].every(({ userId }) => locked.changed.has(userId)) &&
  [...recounted].every((userId) => locked.counted.has(userId)) &&
  [...named].every((userId) => locked.named.has(userId))
