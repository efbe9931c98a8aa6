import type { Role } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { ActRefusal } from "@user-service/domain/StaffRules"
import type { User, UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { Profiles, type StaffPatch } from "../profiles/Profiles.ts"
import { Roles } from "./Roles.ts"
import { StaffChanges } from "./StaffChanges.ts"

/** The changes of a request of staff to one user. */
export interface StaffUpdate {
  readonly patch: StaffPatch
  /** The new role, null for none. Absent to keep it. */
  readonly role?: Role | null | undefined
}

/** Changes the fields and the role of a user for staff. */
export class StaffUpdates extends Context.Service<
  StaffUpdates,
  {
    /** Makes all changes in one transaction, or none, and returns the changed user. The rules are those of `Roles` if there is a role. */
    readonly update: (
      userId: UserId,
      update: StaffUpdate
    ) => Effect.Effect<User, ActRefusal | UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/StaffUpdates") {
  static readonly layerNoDeps = Layer.effect(
    StaffUpdates,
    Effect.gen(function* () {
      const profiles = yield* Profiles
      const roles = yield* Roles
      const staffChanges = yield* StaffChanges

      const updateWithRole = (userId: UserId, patch: StaffPatch, role: Role | null) =>
        staffChanges.change(
          userId,
          { kind: "set_role", role },
          Effect.fnUntraced(function* ({ role: before }) {
            const roleChange = yield* roles.change(userId, before, role)
            const { audit, ...profileChange } = yield* profiles.staffChange(userId, patch)
            return { ...profileChange, audit: [...roleChange.audit, ...audit] }
          })
        )

      const update = Effect.fn("StaffUpdates.update")((userId: UserId, { patch, role }: StaffUpdate) =>
        role === undefined ? profiles.updateByStaff(userId, patch) : updateWithRole(userId, patch, role)
      )

      return { update }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([Profiles.layer, Roles.layer, StaffChanges.layer]))
}
