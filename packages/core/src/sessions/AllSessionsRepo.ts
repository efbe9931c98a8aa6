// The statements of the end of all sessions (decision 0042).
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { secretTokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { type SecretToken, SecretTokenRow } from "../push-tokens/PushTokenRows.ts"
import { firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import { isSilencedSession } from "../SessionCutoff.ts"

const CutoffRow = Schema.Struct({ notBefore: Columns.time })
const SilencingRow = Schema.Struct({
  notBefore: Columns.time,
  /** The last user whose push tokens were looked at. */
  silencedTo: Schema.NullOr(Columns.userId)
})
const OwnerRow = Schema.Struct({ userId: Columns.userId, isSilenced: Schema.Boolean, tokens: Schema.Int })

/** An end of all sessions whose push tokens may be active still. */
export type Silencing = typeof SilencingRow.Type

/** A user with active push tokens, how many of them were counted, and whether the end of all sessions silenced one. */
export type TokenOwner = typeof OwnerRow.Type

/** The statements on the not-before time of all sessions, and on the push tokens that it silences. */
export class AllSessionsRepo extends Context.Service<
  AllSessionsRepo,
  {
    /** Locks the not-before time until the end of the transaction. */
    readonly lock: Query<DateTime.Utc>
    readonly raise: (notBefore: DateTime.Utc) => Query<void>
    /** The end of all sessions before `before` whose push tokens may be active still. */
    readonly silencing: (before: DateTime.Utc) => Query<Option.Option<Silencing>>
    /** The owners of the next `limit` active push tokens, in the order of their ids. */
    readonly owners: (after: UserId | null, limit: number) => Query<ReadonlyArray<TokenOwner>>
    /** Deactivates the push tokens of the users that the end of all sessions silenced. */
    readonly deactivate: (userIds: ReadonlyArray<UserId>, now: DateTime.Utc) => Query<ReadonlyArray<SecretToken>>
    /** Notes that the push tokens up to this user are deactivated, null for all. Does nothing after another end of all sessions. */
    readonly advance: (silencing: Silencing, to: UserId | null) => Query<void>
  }
>()("@user-service/core/sessions/AllSessionsRepo") {
  static readonly layer = Layer.effect(
    AllSessionsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const silencedSession = isSilencedSession(sql)

      return {
        lock: Effect.map(
          onlyRow(CutoffRow)(sql`select not_before as "notBefore" from session_cutoff for update`),
          (row) => row.notBefore
        ),

        raise: (notBefore) =>
          Effect.asVoid(sql`
            update session_cutoff set not_before = ${DateTime.toDate(notBefore)},
              silencing_since = coalesce(silencing_since, ${DateTime.toDate(notBefore)}), silenced_to = null`),

        silencing: (before) =>
          firstRow(SilencingRow)(sql`
            select not_before as "notBefore", silenced_to as "silencedTo" from session_cutoff
            where silencing_since is not null and not_before <= ${DateTime.toDate(before)}`),

        owners: (after, limit) =>
          rows(OwnerRow)(sql`
            select owners.user_id as "userId", owners.tokens, silenced.id is not null as "isSilenced"
            from (
              select user_id, count(*)::int as tokens from (
                select user_id from push_tokens
                where is_active and user_id > coalesce(${after}::uuid, '00000000-0000-0000-0000-000000000000')
                order by user_id limit ${limit}
              ) next group by user_id
            ) owners
            left join lateral (
              select s.id
              from (select * from push_tokens where user_id = owners.user_id and is_active offset 0) t
              cross join lateral (select * from sessions where id = t.session_id offset 0) s
              where ${silencedSession} limit 1
            ) silenced on true
            order by owners.user_id`),

        deactivate: (userIds, now) =>
          rows(SecretTokenRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where id = any(array(
              select t.id from unnest(${userIds}::uuid[]) as owner (id)
              cross join lateral (select * from push_tokens where user_id = owner.id and is_active offset 0) t
              cross join lateral (select * from sessions where id = t.session_id offset 0) s
              where ${silencedSession}))
            returning ${sql.literal(secretTokenColumns)}`),

        advance: ({ notBefore }, to) =>
          Effect.asVoid(sql`
            update session_cutoff set silenced_to = ${to}::uuid,
              silencing_since = case when ${to}::uuid is null then null else silencing_since end
            where date_trunc('milliseconds', not_before) = ${DateTime.toDate(notBefore)}`)
      }
    })
  )
}
