import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Query } from "../Rows.ts"
import { consoleIdleTime } from "../SessionSettings.ts"

export class LiveSessionsRepo extends Context.Service<
  LiveSessionsRepo,
  {
    /** Whether the id is that of a live session of this user and the user is active. Idle sessions of the console are not. */
    readonly isAlive: (userId: UserId, id: SessionId, now: DateTime.Utc) => Query<boolean>
  }
>()("@user-service/core/cached/LiveSessionsRepo") {
  static readonly layer = Layer.effect(
    LiveSessionsRepo,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      isAlive: (userId, id, now) =>
        Effect.map(
          sql`
            select 1 from sessions s join users u on u.id = s.user_id
            where s.id = ${id} and s.user_id = ${userId} and s.revoked_at is null
              and s.expires_at > ${DateTime.toDate(now)} and u.is_active
              and (not s.is_console or s.last_seen_at > ${DateTime.toDate(DateTime.subtractDuration(now, consoleIdleTime))})`,
          (found) => found.length === 1
        )
    }))
  )
}
