import { UserDisabled, UserEnabled } from "@user-service/domain/DomainEvent"
import { OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { ActRefusal } from "@user-service/domain/StaffRules"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { PushTokensRepo } from "../push-tokens/PushTokensRepo.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { StaffChanges } from "./StaffChanges.ts"
import { StaffChangesRepo } from "./StaffChangesRepo.ts"

/** Whether the act changed the state of the account. False if it had that state before. */
interface StateChange {
  readonly isChanged: boolean
}

/** Disables and enables accounts. */
export class AccountStates extends Context.Service<
  AccountStates,
  {
    /**
     * The user can no longer log in and gets no notifications. All sessions end, all push tokens are deactivated, and the tokens of
     * mails are deleted. Refused for oneself and for the last active administrator. Does nothing if the account is disabled.
     */
    readonly disable: (userId: UserId) => Effect.Effect<StateChange, ActRefusal | UserNotFound | ServiceUnavailable>
    /** Does nothing if the account is enabled. Sessions and push tokens do not come back. */
    readonly enable: (userId: UserId) => Effect.Effect<StateChange, ActRefusal | UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/AccountStates") {
  static readonly layerNoDeps = Layer.effect(
    AccountStates,
    Effect.gen(function* () {
      const repo = yield* StaffChangesRepo
      const staffChanges = yield* StaffChanges
      const sessionChanges = yield* SessionChanges
      const pushTokens = yield* PushTokensRepo
      const oneTimeTokens = yield* OneTimeTokensRepo
      const inactiveTokens = yield* InactivePushTokens

      const disable = Effect.fn("AccountStates.disable")((userId: UserId) =>
        staffChanges.change(
          userId,
          { kind: "disable" },
          Effect.fnUntraced(function* ({ isActive }) {
            if (!isActive) return unchanged
            const now = yield* DateTime.now
            yield* repo.setActive(userId, false, now)
            yield* oneTimeTokens.remove(userId, OneTimeTokenPurpose.literals)
            const { events, sessions } = yield* sessionChanges.end(userId, "all", "disabled")
            // Those without a live session, such as imported ones.
            const deactivated = yield* pushTokens.deactivateAll(userId, now)
            if (deactivated.length > 0) yield* inactiveTokens.trim([userId])
            return {
              result: { isChanged: true },
              events: [new UserDisabled({ userId }), ...events, ...pushTokensRemoved(deactivated, "admin")],
              audit: [
                {
                  userId,
                  action: "user.disabled",
                  details: { ...stateChange(false), endedSessions: sessions.length }
                }
              ]
            }
          })
        )
      )

      const enable = Effect.fn("AccountStates.enable")((userId: UserId) =>
        staffChanges.change(
          userId,
          { kind: "change" },
          Effect.fnUntraced(function* ({ isActive }) {
            if (isActive) return unchanged
            yield* repo.setActive(userId, true, yield* DateTime.now)
            return {
              result: { isChanged: true },
              events: [new UserEnabled({ userId })],
              audit: [{ userId, action: "user.enabled", details: stateChange(true) }]
            }
          })
        )
      )

      return { disable, enable }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      StaffChangesRepo.layer,
      StaffChanges.layer,
      SessionChanges.layer,
      PushTokensRepo.layer,
      OneTimeTokensRepo.layer,
      InactivePushTokens.layer
    ])
  )
}

const unchanged = { result: { isChanged: false }, events: [], audit: [] }

const stateChange = (isActive: boolean) => ({ before: { isActive: !isActive }, after: { isActive } })
