import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { IncorrectPassword } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ActRefusal, LastAdministrator } from "@user-service/domain/StaffRules"
import type { TokenInvalid } from "@user-service/domain/Token"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Effect, Layer, type Redacted } from "effect"
import { AccountErasures } from "../accounts/AccountErasures.ts"
import { Erasures } from "../erasures/Erasures.ts"
import { StaffChanges } from "./StaffChanges.ts"

/** Erases accounts under the rules for acts of staff (domain's `StaffRules`). */
export class StaffErasures extends Context.Service<
  StaffErasures,
  {
    /** Erases the account (see `Erasures`). Refused for oneself and for the last active administrator. */
    readonly erase: (userId: UserId) => Effect.Effect<void, ActRefusal | UserNotFound | ServiceUnavailable>
    /** Erases the account of a user who knows its password (see `AccountErasures`). Refused for the last active administrator. */
    readonly eraseOwn: (
      userId: UserId,
      password: Redacted.Redacted<string>
    ) => Effect.Effect<void, LastAdministrator | IncorrectPassword | TokenInvalid | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/staff/StaffErasures") {
  static readonly layerNoDeps = Layer.effect(
    StaffErasures,
    Effect.gen(function* () {
      const erasures = yield* Erasures
      const accountErasures = yield* AccountErasures
      const staffChanges = yield* StaffChanges

      const erase = Effect.fn("StaffErasures.erase")((userId: UserId) =>
        staffChanges.guarding(userId, { kind: "erase" }, ({ check, lockedUsers }) =>
          erasures.erase({ userId, checkedHash: null }, { lockedUsers, check: Effect.asVoid(check) })
        )
      )

      const eraseOwn = Effect.fn("StaffErasures.eraseOwn")((userId: UserId, password: Redacted.Redacted<string>) =>
        staffChanges
          .guarding(userId, { kind: "erase" }, ({ check, lockedUsers }) =>
            accountErasures.eraseOwn(userId, password, { lockedUsers, check: Effect.asVoid(check) })
          )
          // Without an actor the other rules do not apply.
          .pipe(Effect.catchTag(["OwnAccountProtected", "RoleTooLow", "UserNotFound"], Effect.die))
      )

      return { erase, eraseOwn }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([AccountErasures.layer, Erasures.layer, StaffChanges.layer])
  )
}
