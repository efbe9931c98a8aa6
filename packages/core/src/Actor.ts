import type { RoleTooLow } from "@user-service/domain/Role"
import type { UserId } from "@user-service/domain/User"
import { Context, Data, Effect, type Schema } from "effect"

/** A member of staff who changes something for a user, and why. */
export interface Actor {
  readonly userId: UserId
  readonly reason: string
}

/**
 * The member of staff who acts in the current request. The audit entries of all changes name this actor and the reason, and changes are
 * refused if the rules for acts of staff forbid them (see `Changes`). Null when users change their own data.
 */
export const CurrentActor = Context.Reference<Actor | null>("@user-service/core/Actor", { defaultValue: () => null })

/** The details of an audit entry: the values before and after if a member of staff acts, and none if users change their own data. */
export const actDetails = (before: Schema.Json, after: Schema.Json): Effect.Effect<Schema.JsonObject> =>
  Effect.map(CurrentActor, (actor) => (actor === null ? {} : { before, after }))

/**
 * The defect that ends a change which the rules for acts of staff forbid. It is no failure, because the services that users call need
 * not declare what happens to staff only. The transaction is rolled back.
 */
export class ActRefused extends Data.TaggedError("ActRefused")<{ readonly refusal: RoleTooLow }> {}

/** Fails with the refusal of an act. Every act needs it around the changes. */
export const catchRefusal = <A, E, R>(act: Effect.Effect<A, E, R>): Effect.Effect<A, E | RoleTooLow, R> =>
  Effect.catchDefect(act, (defect) => (defect instanceof ActRefused ? Effect.fail(defect.refusal) : Effect.die(defect)))
