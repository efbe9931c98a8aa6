import type { UserId } from "@user-service/domain/User"
import { Context } from "effect"

/** A member of staff who changes something for a user, and why. */
export interface Actor {
  readonly userId: UserId
  readonly reason: string
}

/**
 * The member of staff who acts in the current request. The audit entries of all changes name this actor and the reason. Null when
 * users change their own data.
 */
export const CurrentActor = Context.Reference<Actor | null>("@user-service/core/Actor", { defaultValue: () => null })
