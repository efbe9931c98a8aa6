import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { isIdle } from "../IdleSessions.ts"
import { onlyRow, type Query } from "../Rows.ts"

const NotBeforeRow = Schema.Struct({ notBefore: Columns.time })
const SessionStateRow = Schema.Struct({ isAlive: Schema.Boolean, notBefore: Columns.time })

export class LiveSessionsRepo extends Context.Service<
  LiveSessionsRepo,
  {
    /** Whether the id is that of a live session of this user and the user is active. Idle sessions of the console are not. */
    readonly isAlive: (userId: UserId, id: SessionId, now: DateTime.Utc) => Query<boolean>
    /** The same, and the not-before time of all sessions at the same moment. */
    readonly state: (userId: UserId, id: SessionId, now: DateTime.Utc) => Query<typeof SessionStateRow.Type>
    /** The not-before time of all sessions. */
    readonly notBefore: Query<DateTime.Utc>
  }
>()("@user-service/core/cached/LiveSessionsRepo") {
  static readonly layer = Layer.effect(
    LiveSessionsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const state = (userId: UserId, id: SessionId, now: DateTime.Utc) =>
        onlyRow(SessionStateRow)(sql`
          select c.not_before as "notBefore", exists (
            select from sessions s join users u on u.id = s.user_id
            where s.id = ${id} and s.user_id = ${userId} and s.revoked_at is null
              and s.expires_at > ${DateTime.toDate(now)} and s.cutoff >= c.not_before and u.is_active
              and not ${isIdle(sql, "s", now)}
          ) as "isAlive"
          from session_cutoff c`)

      return {
        state,

        isAlive: (userId, id, now) => Effect.map(state(userId, id, now), ({ isAlive }) => isAlive),

        notBefore: Effect.map(
          onlyRow(NotBeforeRow)(sql`select not_before as "notBefore" from session_cutoff`),
          (row) => row.notBefore
        )
      }
    })
  )
}
