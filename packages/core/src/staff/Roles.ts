import type { Role } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { ActRefusal } from "@user-service/domain/StaffRules"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { StaffChanges } from "./StaffChanges.ts"
import { StaffChangesRepo } from "./StaffChangesRepo.ts"

/** Gives roles to users and takes them away. */
export class Roles extends Context.Service<
  Roles,
  {
    /**
     * Sets the role of the user, null for none, and returns the one before. A role is read from the database with each request of
     * staff, so the change takes effect at once. Refused for one's own role and for the last active administrator.
     */
    readonly set: (
      userId: UserId,
      role: Role | null
    ) => Effect.Effect<Role | null, ActRefusal | UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/Roles") {
  static readonly layerNoDeps = Layer.effect(
    Roles,
    Effect.gen(function* () {
      const repo = yield* StaffChangesRepo
      const staffChanges = yield* StaffChanges

      const set = Effect.fn("Roles.set")((userId: UserId, role: Role | null) =>
        staffChanges.change(
          userId,
          { kind: "set_role", role },
          Effect.fnUntraced(function* ({ role: before }) {
            if (before === role) return { result: before, events: [], audit: [] }
            yield* repo.setRole(userId, role, yield* DateTime.now)
            return {
              result: before,
              events: [],
              audit: [{ userId, action: "user.role_changed", details: { before: { role: before }, after: { role } } }]
            }
          })
        )
      )

      return { set }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([StaffChangesRepo.layer, StaffChanges.layer]))
}
