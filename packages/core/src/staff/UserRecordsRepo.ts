import { SuppressedAddress } from "@user-service/domain/AccountExport"
import { PreferenceSource } from "@user-service/domain/PreferenceHistory"
import type { UserId } from "@user-service/domain/User"
import type { SettingOrigin, WaitingEvents } from "@user-service/domain/UserRecord"
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

const SettingOriginRow = Schema.Struct({
  setting: Schema.String,
  source: PreferenceSource,
  actor: Schema.NullOr(Columns.userId),
  at: Columns.time
})
const SuppressionRow = Schema.Struct({
  email: Columns.email,
  reason: SuppressedAddress.fields.reason,
  createdAt: Columns.time
})
const WaitingRow = Schema.Struct({ count: Schema.Int, oldestAt: Schema.NullOr(Columns.time) })

/** The statements for the record of a user that no feature has. */
export class UserRecordsRepo extends Context.Service<
  UserRecordsRepo,
  {
    /** The latest change of each setting. */
    readonly settingOrigins: (userId: UserId) => Query<ReadonlyArray<SettingOrigin>>
    readonly suppressions: (userId: UserId) => Query<ReadonlyArray<SuppressedAddress>>
    readonly waitingEvents: (userId: UserId) => Query<WaitingEvents>
  }
>()("@user-service/core/staff/UserRecordsRepo") {
  static readonly layer = Layer.effect(
    UserRecordsRepo,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      settingOrigins: (userId) =>
        rows(SettingOriginRow)(sql`
          select distinct on (setting) setting, source, actor_id as actor, created_at as at
          from preference_history, jsonb_object_keys(changes) as setting
          where user_id = ${userId} order by setting, version desc`),
      suppressions: (userId) =>
        Effect.map(
          rows(SuppressionRow)(sql`
            select email, reason, created_at as "createdAt" from suppressions where user_id = ${userId}`),
          (found) => found.map((row) => new SuppressedAddress(row, { disableChecks: true }))
        ),
      waitingEvents: (userId) =>
        onlyRow(WaitingRow)(sql`
          select count(*)::int as count, min(created_at) as "oldestAt" from outbox
          where user_id = ${userId} and published_at is null`)
    }))
  )
}
