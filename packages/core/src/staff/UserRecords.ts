// What staff see of a user (decision 0045).
import * as Storage from "@user-service/database/Storage"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserId, UserNotFound } from "@user-service/domain/User"
import type { UserRecord } from "@user-service/domain/UserRecord"
import { anyCase } from "@user-service/domain/Uuid"
import { Context, Effect, Layer, Schema } from "effect"
import { Deliveries } from "../deliveries/Deliveries.ts"
import { FailedLogins } from "../limits/FailedLogins.ts"
import { Profiles } from "../profiles/Profiles.ts"
import { PushTokens } from "../push-tokens/PushTokens.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { StaffSessions } from "./StaffSessions.ts"
import { UserRecordsRepo } from "./UserRecordsRepo.ts"

const decodeId = Schema.decodeUnknownEffect(anyCase(UserId))

const everyone: PageRequest = { page: 1, limit: 100 }
const newest: PageRequest = { page: 1, limit: 10 }

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

      const find = Effect.fn("UserRecords.find")(function* (id: string) {
        const userId = yield* Effect.mapError(decodeId(id), () => new UserNotFound())
        return yield* Effect.all(
          {
            user: profiles.find(userId),
            role: staffSessions.roleOf(userId),
            sessions: itemsOf(sessions.page(userId, everyone)),
            pushTokens: itemsOf(pushTokens.page(userId, everyone)),
            settingOrigins: storage.read(repo.settingOrigins(userId)),
            suppressions: storage.read(repo.suppressions(userId)),
            failedLogins: failedLogins.failuresOf(userId),
            deliveries: itemsOf(deliveries.page(userId, {}, newest)),
            waitingEvents: storage.read(repo.waitingEvents(userId))
          },
          { concurrency: "unbounded" }
        )
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
      FailedLogins.layer
    ])
  )
}
