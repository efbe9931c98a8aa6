import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { ActRefusal } from "@user-service/domain/StaffRules"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { Erasures } from "../erasures/Erasures.ts"
import { StaffChanges } from "./StaffChanges.ts"

/** Erases accounts of others. */
export class StaffErasures extends Context.Service<
  StaffErasures,
  {
    /** Erases the account (see `Erasures`). Refused for oneself and for the last active administrator. */
    readonly erase: (userId: UserId) => Effect.Effect<void, ActRefusal | UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/StaffErasures") {
  static readonly layerNoDeps = Layer.effect(
    StaffErasures,
    Effect.gen(function* () {
      const erasures = yield* Erasures
      const staffChanges = yield* StaffChanges

      const erase = Effect.fn("StaffErasures.erase")((userId: UserId) =>
        staffChanges.guarding(userId, { kind: "erase" }, ({ check, lockedUsers }) =>
          erasures.erase({ userId, checkedHash: null }, { lockedUsers, check: Effect.asVoid(check) })
        )
      )

      return { erase }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([Erasures.layer, StaffChanges.layer]))
}
