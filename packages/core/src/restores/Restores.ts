import { direct } from "@user-service/database/DirectSql"
import { transactionOn } from "@user-service/database/Storage"
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient, type SqlError, type Statement } from "effect/sql"
import { onlyRow } from "../Rows.ts"

/** The numbers of what was made invalid. */
export interface RestoreInvalidation {
  readonly sessions: number
  readonly oneTimeTokens: number
  readonly users: number
}

// More changes than a user makes between two backups.
const versionStep = 100_000

const Row = Schema.Struct({ count: Schema.Int })

/** What a database needs that was restored to a moment in the past. The service must be stopped. */
export class Restores extends Context.Service<
  Restores,
  {
    /**
     * Ends all sessions and deletes all one-time tokens, because the restored ones may have been ended or used since. Raises the
     * versions of all users and preferences above those that clients and consumers may have seen. The audit log gets an entry with the
     * numbers. One transaction, safe to repeat.
     */
    readonly invalidate: Effect.Effect<RestoreInvalidation, SqlError.SqlError>
  }
>()("@user-service/core/restores/Restores") {
  static readonly layerNoDeps = Layer.effect(
    Restores,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const count = (statement: Statement.Fragment) =>
        Effect.map(
          onlyRow(Row)(sql`with changed as (${statement} returning 1) select count(*)::int as count from changed`),
          (row) => row.count
        )

      const invalidate = Effect.gen(function* () {
        const sessions = yield* count(
          sql`update sessions set revoked_at = now(), revoked_reason = 'admin' where revoked_at is null`
        )
        // Later than any that a process may have read: it would take the sessions opened from now on for older ones.
        yield* sql`
          update session_cutoff set not_before = greatest(date_trunc('milliseconds', now()), not_before + interval '1 millisecond')`
        const oneTimeTokens = yield* count(sql`delete from one_time_tokens`)
        const users = yield* count(sql`update users set version = version + ${versionStep}`)
        yield* sql`update notification_preferences set version = version + ${versionStep}`
        const invalidation = { sessions, oneTimeTokens, users }
        // An operator at the command line acts: no account.
        yield* sql`
          insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
          select null, null, 'restore.invalidated', null, '', ${JSON.stringify(invalidation)}::jsonb
            || jsonb_build_object('notBefore', to_char(not_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), now()
          from session_cutoff`
        return invalidation
      })

      return { invalidate: Effect.withSpan(transactionOn(sql, invalidate), "Restores.invalidate") }
    })
  )

  /** On a direct connection, because all rows of a large table take longer than a request may. */
  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Layer.effect(SqlClient.SqlClient, direct)))
}
