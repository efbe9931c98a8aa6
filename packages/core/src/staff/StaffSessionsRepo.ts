import { Role } from "@user-service/domain/Role"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { isIdle } from "../IdleSessions.ts"
import { firstRow, type Query } from "../Rows.ts"
import { isSinceCutoff } from "../SessionCutoff.ts"

const StaffSessionRow = Schema.Struct({
  role: Schema.NullOr(Role),
  isConsole: Schema.Boolean,
  /** Whether it is a session of the console that was not used for `consoleIdleTime`. */
  isIdle: Schema.Boolean,
  expiresAt: Columns.time
})
export type StaffSessionState = typeof StaffSessionRow.Type

export class StaffSessionsRepo extends Context.Service<
  StaffSessionsRepo,
  {
    /** A live session of an active user, with the user's role. None for other sessions. */
    readonly find: (userId: UserId, id: SessionId, now: DateTime.Utc) => Query<Option.Option<StaffSessionState>>
    readonly role: (userId: UserId) => Query<Option.Option<{ readonly role: Role | null }>>
  }
>()("@user-service/core/staff/StaffSessionsRepo") {
  static readonly layer = Layer.effect(
    StaffSessionsRepo,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      find: (userId, id, now) =>
        firstRow(StaffSessionRow)(sql`
          select u.role, s.is_console as "isConsole", ${isIdle(sql, "s", now)} as "isIdle",
            s.expires_at as "expiresAt"
          from sessions s join users u on u.id = s.user_id
          where s.id = ${id} and s.user_id = ${userId} and s.revoked_at is null and s.expires_at > ${DateTime.toDate(now)}
            and ${isSinceCutoff(sql, "s")} and u.is_active`),
      role: (userId) =>
        firstRow(Schema.Struct({ role: Schema.NullOr(Role) }))(sql`select role from users where id = ${userId}`)
    }))
  )
}
