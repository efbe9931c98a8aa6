import { CurrentActor } from "@user-service/core/Actor"
import { StaffSessions } from "@user-service/core/staff/StaffSessions"
import { hasRole, RoleTooLow } from "@user-service/domain/Role"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { CurrentStaff } from "@user-service/schema/http/admin/StaffAuthentication"
import { Effect, Schema } from "effect"

const decodeId = Schema.decodeUnknownEffect(anyCase(UserId))

/** The user of a path. A malformed id is unknown, like one that no user has. */
export const userOf = ({ id }: { readonly id: string }) => Effect.mapError(decodeId(id), () => new UserNotFound())

/** Runs a change as an act of the current member of staff, which the audit log names with the reason. */
export const asStaff =
  (reason: string) =>
  <A, E, R>(change: Effect.Effect<A, E, R>) =>
    Effect.flatMap(CurrentStaff, ({ userId }) => Effect.provideService(change, CurrentActor, { userId, reason }))

/** Acts on users. Only admins may act on users who have a role. */
export const makeActOn = Effect.map(
  StaffSessions,
  ({ roleOf }) =>
    <A, E, R>(params: { readonly id: string }, reason: string, act: (userId: UserId) => Effect.Effect<A, E, R>) =>
      Effect.gen(function* () {
        const userId = yield* userOf(params)
        const { role } = yield* CurrentStaff
        if (!hasRole(role, "admin") && (yield* roleOf(userId)) !== null)
          return yield* new RoleTooLow({ required: "admin" })
        return yield* asStaff(reason)(act(userId))
      })
)
