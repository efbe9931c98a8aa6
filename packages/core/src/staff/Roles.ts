import * as Storage from "@user-service/database/Storage"
import { canonicalEmail, type Email, normaliseEmail } from "@user-service/domain/Email"
import type { Role } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { ActRefusal } from "@user-service/domain/StaffRules"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import type { Change } from "../changes/Changes.ts"
import type { Query } from "../Rows.ts"
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
    /** The same in the transaction of the caller, who holds the lock of the user and has asked the rules. `before` is the role as yet. */
    readonly change: (userId: UserId, before: Role | null, role: Role | null) => Query<Change<Role | null>>
    /** The user with this e-mail address, in any spelling. */
    readonly findByEmail: (email: Email) => Effect.Effect<UserId, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/Roles") {
  static readonly layerNoDeps = Layer.effect(
    Roles,
    Effect.gen(function* () {
      const repo = yield* StaffChangesRepo
      const staffChanges = yield* StaffChanges
      const storage = yield* Storage.Storage

      const change = Effect.fn("Roles.change")(function* (userId: UserId, before: Role | null, role: Role | null) {
        if (before === role) return { result: before, events: [], audit: [] }
        yield* repo.setRole(userId, role, yield* DateTime.now)
        return {
          result: before,
          events: [],
          audit: [{ userId, action: "user.role_changed", details: { before: { role: before }, after: { role } } }]
        }
      })

      const set = Effect.fn("Roles.set")((userId: UserId, role: Role | null) =>
        staffChanges.change(userId, { kind: "set_role", role }, ({ role: before }) => change(userId, before, role))
      )

      const findByEmail = Effect.fn("Roles.findByEmail")(function* (email: Email) {
        const lookup = { spelling: email, canonical: canonicalEmail(normaliseEmail(email)) }
        const found = yield* storage.read(repo.findByEmail(lookup))
        return Option.isSome(found) ? found.value.userId : yield* new UserNotFound()
      })

      return { set, change, findByEmail }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([StaffChangesRepo.layer, StaffChanges.layer]))

  /** For an operator, without a cache: the cached copies of a user have no role. */
  static readonly layerUncached = this.layerNoDeps.pipe(
    Layer.provide([StaffChangesRepo.layer, StaffChanges.layerUncached])
  )
}
