import { catchRefusal, CurrentActor } from "@user-service/core/Actor"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { CurrentStaff } from "@user-service/schema/http/admin/StaffAuthentication"
import { Effect, Schema } from "effect"

const decodeId = Schema.decodeUnknownEffect(anyCase(UserId))

/** The user of a path. A malformed id is unknown, like one that no user has. */
export const userOf = ({ id }: { readonly id: string }) => Effect.mapError(decodeId(id), () => new UserNotFound())

/**
 * Runs a change as an act of the current member of staff, which the audit log names with the reason. It is refused if the rules for acts
 * of staff forbid it (see `Changes` in core).
 */
export const asStaff =
  (reason: string) =>
  <A, E, R>(change: Effect.Effect<A, E, R>) =>
    Effect.flatMap(CurrentStaff, ({ userId }) =>
      catchRefusal(Effect.provideService(change, CurrentActor, { userId, reason }))
    )

/** Acts on the user of a path. */
export const actOn = <A, E, R>(
  params: { readonly id: string },
  reason: string,
  act: (userId: UserId) => Effect.Effect<A, E, R>
) => Effect.flatMap(userOf(params), (userId) => asStaff(reason)(act(userId)))
