// What staff see of a user (decision 0045).
import * as Storage from "@user-service/database/Storage"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type User, UserId, UserNotFound } from "@user-service/domain/User"
import type { UserLimit, UserRecord } from "@user-service/domain/UserRecord"
import { anyCase } from "@user-service/domain/Uuid"
import { localDay, nextMidnight, wallClock } from "@user-service/domain/WallClock"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { AuditLog } from "../audit/AuditLog.ts"
import { Deliveries } from "../deliveries/Deliveries.ts"
import { DeliveryExplanationsRepo } from "../deliveries/DeliveryExplanationsRepo.ts"
import { FailedLogins } from "../limits/FailedLogins.ts"
import { allowedFailures, type FailedLoginState } from "../limits/FailedLoginsRepo.ts"
import { Profiles } from "../profiles/Profiles.ts"
import { PushTokens } from "../push-tokens/PushTokens.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { StaffSessions } from "./StaffSessions.ts"
import { UserRecordsRepo } from "./UserRecordsRepo.ts"

const decodeId = Schema.decodeUnknownEffect(anyCase(UserId))

const everyone: PageRequest = { page: 1, limit: 100 }
const newestCount = 10
const newest: PageRequest = { page: 1, limit: newestCount }

const itemsOf = <A, E, R>(page: Effect.Effect<Page<A>, E, R>) => Effect.map(page, ({ items }) => items)

/** The records of users for staff. They are read from the database, not from caches. */
export class UserRecords extends Context.Service<
  UserRecords,
  {
    /** Fails with `UserNotFound` for a malformed id too. */
    readonly find: (id: string) => Effect.Effect<UserRecord, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/UserRecords") {
  static readonly layerNoDeps = Layer.effect(
    UserRecords,
    Effect.gen(function* () {
      const repo = yield* UserRecordsRepo
      const storage = yield* Storage.Storage
      const profiles = yield* Profiles
      const staffSessions = yield* StaffSessions
      const sessions = yield* Sessions
      const pushTokens = yield* PushTokens
      const deliveries = yield* Deliveries
      const failedLogins = yield* FailedLogins
      const auditLog = yield* AuditLog
      const charges = yield* DeliveryExplanationsRepo

      const dailyQuota = Effect.fnUntraced(function* ({ id, preferences, profile }: User) {
        const { epochMilliseconds: now } = yield* DateTime.now
        const clock = wallClock(profile.timezone)
        return {
          name: "daily_quota",
          used: yield* storage.read(charges.chargedCount({ userId: id, day: localDay(clock, now) })),
          limit: preferences.frequencyLimit,
          resetsAt: DateTime.makeUnsafe(nextMidnight(clock, now))
        } as const
      })

      const userAndQuota = (userId: UserId) =>
        Effect.bind(Effect.bindTo(profiles.find(userId), "user"), "quota", ({ user }) => dailyQuota(user))

      // The first page of a filter has no cursor that could be invalid.
      const newestEntries = (userId: UserId) =>
        auditLog.page({ userId, limit: newestCount }).pipe(
          Effect.map(({ items }) => items),
          Effect.catchTag("CursorInvalid", Effect.die)
        )

      const find = Effect.fn("UserRecords.find")(function* (id: string) {
        const userId = yield* Effect.mapError(decodeId(id), () => new UserNotFound())
        const {
          failures,
          userAndQuota: { quota, user },
          ...record
        } = yield* Effect.all(
          {
            userAndQuota: userAndQuota(userId),
            role: staffSessions.roleOf(userId),
            sessions: itemsOf(sessions.page(userId, everyone)),
            pushTokens: itemsOf(pushTokens.page(userId, everyone)),
            settingOrigins: storage.read(repo.settingOrigins(userId)),
            suppressions: storage.read(repo.suppressions(userId)),
            failures: failedLogins.stateOf(userId),
            deliveries: itemsOf(deliveries.page(userId, {}, newest)),
            audit: newestEntries(userId),
            waitingEvents: storage.read(repo.waitingEvents(userId))
          },
          { concurrency: "unbounded" }
        )
        return { ...record, user, failedLogins: failures.failures, limits: [loginLimit(failures), quota] }
      })

      return { find }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      UserRecordsRepo.layer,
      Profiles.layer,
      StaffSessions.layer,
      Sessions.layer,
      PushTokens.layer,
      Deliveries.layer,
      FailedLogins.layer,
      AuditLog.layer,
      DeliveryExplanationsRepo.layer
    ])
  )
}

const loginLimit = ({ failures, refusedUntil }: FailedLoginState): UserLimit => ({
  name: "failed_logins",
  used: failures,
  limit: allowedFailures,
  resetsAt: refusedUntil
})
