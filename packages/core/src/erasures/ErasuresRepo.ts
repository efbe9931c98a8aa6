// The statements of the erasure of a user (decision 0031).
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow, onlyRow, type Query, rows } from "../Rows.ts"

const IdentityRow = Schema.Struct({
  id: Schema.String,
  emails: Schema.Array(Schema.String),
  username: Schema.String,
  phoneNumber: Schema.NullOr(Schema.String),
  deviceTokens: Schema.Array(Schema.String),
  /** The sessions that were not ended. */
  sessionIds: Schema.Array(Columns.sessionId)
})

const UnfinishedRow = Schema.Struct({ userId: Columns.userId, searchTerms: Schema.Array(Schema.String) })

/** An erasure with rows of the user left. */
export type UnfinishedErasure = typeof UnfinishedRow.Type

const PastErasureRow = Schema.Struct({ userId: Columns.userId, erasedAt: Columns.time })

/** A user who was erased, and when. */
export type PastErasure = typeof PastErasureRow.Type

/** A place between erasures in the order of their time and id. */
export interface ErasurePosition {
  readonly erasedAt: DateTime.Utc
  readonly userId: string
}

const StateRow = Schema.Struct({ userId: Columns.userId, state: Schema.Literals(["present", "erased", "unknown"]) })

const PositionRow = Schema.Struct({ createdAt: Columns.time })
const CountRow = Schema.Struct({ cleared: Schema.Int, isLeft: Schema.Boolean })

/** A user to erase. */
export interface ErasureTarget {
  readonly userId: UserId
  /** Null for any: otherwise the user must still have this password hash. */
  readonly checkedHash: string | null
}

/**
 * The statements of an erasure. `identity`, `record`, `removeResetRequests`, `removeUser` and `removeEvents` run in the
 * transaction that locks the user. The others are one statement and its own transaction, idempotent, and touch at most `limit` rows.
 */
export class ErasuresRepo extends Context.Service<
  ErasuresRepo,
  {
    /** None if there is no such user, or with another password hash. */
    readonly identity: (target: ErasureTarget) => Query<Option.Option<typeof IdentityRow.Type>>
    /** Begins an erasure, or begins it again. */
    readonly record: (userId: UserId, searchTerms: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    /** Deletes the password resets that were requested for an address of the user and not handled yet. */
    readonly removeResetRequests: (userId: UserId) => Query<void>
    /** Deletes the user with all rows that belong to them alone, and makes the newest deliveries nobody's. */
    readonly removeUser: (userId: UserId) => Query<void>
    /** Deletes events of the user, the waiting ones first, but not `UserDeleted`. Returns their number. */
    readonly removeEvents: (userId: UserId, limit: number) => Query<number>
    /**
     * Empties audit entries of the user that are not older than `since`, except the entry of an erasure, which holds the reason of
     * staff. Returns the times of these entries.
     */
    readonly clearAudit: (userId: UserId, since: DateTime.Utc, limit: number) => Query<ReadonlyArray<DateTime.Utc>>
    /** Removes address and user agent from entries about others that the user made. Returns the number of entries. */
    readonly clearActions: (userId: UserId, limit: number) => Query<number>
    /** Makes deliveries of the user nobody's. Passes over those that another transaction has locked. */
    readonly clearDeliveries: (userId: UserId, limit: number) => Query<typeof CountRow.Type>
    /** Deletes decisions on deliveries to the user. Returns their number. */
    readonly removeDecisions: (userId: UserId, limit: number) => Query<number>
    /** The oldest unfinished erasures. */
    readonly unfinished: (limit: number) => Query<ReadonlyArray<UnfinishedErasure>>
    /** Ends the erasure: only its id and times stay. */
    readonly finish: (userId: UserId, now: DateTime.Utc) => Query<void>
    /** The erasures that follow `after` in the order of their time, the oldest first. */
    readonly following: (after: ErasurePosition, limit: number) => Query<ReadonlyArray<PastErasure>>
    /** Whether each user is here, was erased here, or neither. */
    readonly states: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<typeof StateRow.Type>>
    /** Records erasures of users who are not here as finished. Leaves recorded ones as they are. */
    readonly recordFinished: (erasures: ReadonlyArray<PastErasure>, now: DateTime.Utc) => Query<void>
  }
>()("@user-service/core/erasures/ErasuresRepo") {
  static readonly layer = Layer.effect(
    ErasuresRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rowCount = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length)

      return {
        identity: ({ checkedHash, userId }) =>
          firstRow(IdentityRow)(sql`
            select u.id::text, array_remove(array[u.email, u.email_canonical], null) as emails, u.username,
              u.phone_number as "phoneNumber",
              array(select token from push_tokens where user_id = u.id) as "deviceTokens",
              array(select id::text from sessions where user_id = u.id and revoked_at is null) as "sessionIds"
            from users u where u.id = ${userId} and u.password_hash = coalesce(${checkedHash}::text, u.password_hash)`),

        record: (userId, searchTerms, now) =>
          Effect.asVoid(sql`
            insert into erasures (user_id, erased_at, search_terms)
            values (${userId}, ${DateTime.toDate(now)}, ${searchTerms}::text[])
            on conflict (user_id) do update set
              erased_at = excluded.erased_at, finished_at = null, search_terms = excluded.search_terms`),

        // They have an address and no user, so that they are written alike for unknown addresses.
        removeResetRequests: (userId) =>
          Effect.asVoid(sql`
            delete from password_reset_requests r using users u
            where u.id = ${userId} and (r.email = lower(u.email) or r.email_canonical = u.email_canonical)`),

        removeUser: (userId) => Effect.asVoid(sql`delete from users where id = ${userId}`),

        removeEvents: (userId, limit) =>
          rowCount(sql`
            delete from outbox where id in (
              select id from outbox where user_id = ${userId} and event_type <> 'UserDeleted'
              order by published_at desc limit ${limit})
            returning 1`),

        clearAudit: (userId, since, limit) =>
          Effect.map(
            rows(PositionRow)(sql`
              update audit_log a set ip = null, user_agent = null, details = '{}'
              from (
                select id, created_at from audit_log
                where user_id = ${userId} and created_at >= ${DateTime.toDate(since)}
                  and (ip is not null or user_agent <> '' or details <> '{}') and action <> 'user.erased'
                order by created_at limit ${limit}
              ) as entry
              where a.id = entry.id and a.created_at = entry.created_at
              returning a.created_at as "createdAt"`),
            (found) => found.map(({ createdAt }) => createdAt)
          ),

        clearActions: (userId, limit) =>
          rowCount(sql`
            update audit_log a set ip = null, user_agent = null
            from (
              select id, created_at from audit_log
              where actor_id = ${userId} and actor_id is distinct from user_id and (ip is not null or user_agent <> '')
              order by created_at limit ${limit}
            ) as entry
            where a.id = entry.id and a.created_at = entry.created_at
            returning 1`),

        clearDeliveries: (userId, limit) =>
          onlyRow(CountRow)(sql`
            with cleared as (
              update deliveries set user_id = null where id in (
                select id from deliveries where user_id = ${userId} limit ${limit} for update skip locked)
              returning 1
            )
            select (select count(*)::int from cleared) as cleared,
              exists (select from deliveries where user_id = ${userId}) as "isLeft"`),

        removeDecisions: (userId, limit) =>
          rowCount(sql`
            delete from delivery_decisions where (notification_id, user_id, channel) in (
              select notification_id, user_id, channel from delivery_decisions where user_id = ${userId} limit ${limit})
            returning 1`),

        unfinished: (limit) =>
          rows(UnfinishedRow)(sql`
            select user_id as "userId", search_terms as "searchTerms" from erasures
            where finished_at is null order by erased_at limit ${limit}`),

        finish: (userId, now) =>
          Effect.asVoid(sql`
            update erasures set finished_at = ${DateTime.toDate(now)}, search_terms = null
            where user_id = ${userId} and finished_at is null`),

        following: ({ erasedAt, userId }, limit) =>
          rows(PastErasureRow)(sql`
            select user_id as "userId", erased_at as "erasedAt" from erasures
            where (erased_at, user_id) > (${DateTime.toDate(erasedAt)}, ${userId}::uuid)
            order by erased_at, user_id limit ${limit}`),

        states: (userIds) =>
          rows(StateRow)(sql`
            select requested.id as "userId", case
              when exists (select from users u where u.id = requested.id) then 'present'
              when exists (select from erasures e where e.user_id = requested.id) then 'erased'
              else 'unknown' end as state
            from unnest(${userIds}::uuid[]) as requested (id)`),

        recordFinished: (erasures, now) =>
          Effect.asVoid(sql`
            insert into erasures (user_id, erased_at, finished_at)
            select user_id, erased_at, ${DateTime.toDate(now)}
            from unnest(
              ${erasures.map(({ userId }) => userId)}::uuid[],
              ${erasures.map(({ erasedAt }) => DateTime.toDate(erasedAt))}::timestamptz[]) as erasure (user_id, erased_at)
            on conflict (user_id) do nothing`)
      }
    })
  )
}
