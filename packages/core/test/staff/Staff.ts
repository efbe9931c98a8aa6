import { type Actor, catchRefusal, CurrentActor } from "@user-service/core/Actor"
import { rows } from "@user-service/core/Rows"
import type { Role } from "@user-service/domain/Role"
import type { UserId } from "@user-service/domain/User"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { register } from "../TestCore.ts"

/** A new user with the role. */
export const registerStaff = Effect.fnUntraced(function* (role: Role) {
  const sql = yield* SqlClient.SqlClient
  const registered = yield* register
  yield* sql`update users set role = ${role} where id = ${registered.userId}`
  return registered
})

/** Runs the act as the member of staff, as the routes do. */
export const as =
  ({ userId }: Pick<Actor, "userId">, reason = "Ticket 4711") =>
  <A, E, R>(act: Effect.Effect<A, E, R>) =>
    catchRefusal(Effect.provideService(act, CurrentActor, { userId, reason }))

const EntryRow = Schema.Struct({ action: Schema.String, actor: Schema.NullOr(Schema.String), details: Schema.Json })

/** The audit entries of the user with this action. */
export const auditOf = Effect.fnUntraced(function* (userId: UserId, action: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* rows(EntryRow)(sql`
    select action, actor_id as actor, details from audit_log where user_id = ${userId} and action = ${action}
    order by created_at, id`)
})
