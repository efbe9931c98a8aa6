import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** The number of shards in the table. All events of one user are in one shard. */
export const shardCount = 16

// The first half of the advisory lock keys of shards: an arbitrary number that nothing else in the database uses.
const lockClass = 7_301_530

const EventRow = Schema.Struct({
  id: Schema.String,
  userId: Columns.userId,
  userVersion: Schema.Int,
  eventType: Schema.String,
  payload: Schema.Unknown,
  traceparent: Schema.NullOr(Schema.String),
  createdAt: Columns.time
})

/** The row of an event. */
export type StoredEvent = typeof EventRow.Type

const ShardRow = Schema.Struct({ shard: Schema.Int })
const LagRow = Schema.Struct({ waiting: Schema.Int, setAside: Schema.Int, oldest: Schema.NullOr(Columns.time) })

/** The statements on the outbox table. */
export class OutboxRepo extends Context.Service<
  OutboxRepo,
  {
    /**
     * Locks at most `limit` random shards that have waiting events and that no other transaction has locked. The locks last
     * until the transaction ends.
     */
    readonly take: (limit: number) => Query<ReadonlyArray<number>>
    /** The waiting events of the shards, at most `limit` per shard, by position, without the users in `except`. */
    readonly waiting: (
      shards: ReadonlyArray<number>,
      limit: number,
      except: ReadonlyArray<UserId>
    ) => Query<ReadonlyArray<StoredEvent>>
    readonly markPublished: (ids: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    readonly setAside: (ids: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    /** The numbers of waiting and of set-aside events, each counted to `maxCount`, and when the oldest waiting one was created. */
    readonly lag: (maxCount: number) => Query<typeof LagRow.Type>
    /** Deletes at most `limit` events published before `before` and returns their number. */
    readonly removePublished: (before: DateTime.Utc, limit: number) => Query<number>
    /**
     * Resets events that were created since `since` and published before `until` to waiting: at most `limit`, in the order of
     * their publication. Returns their number.
     */
    readonly replayPublished: (since: DateTime.Utc, until: DateTime.Utc, limit: number) => Query<number>
    /** The same for events set aside before `until`. */
    readonly replaySetAside: (since: DateTime.Utc, until: DateTime.Utc, limit: number) => Query<number>
  }
>()("@user-service/core/outbox/OutboxRepo") {
  static readonly layer = Layer.effect(
    OutboxRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const isWaiting = sql.literal("published_at is null and set_aside_at is null")
      const shards = sql.literal(
        `(select number::smallint as shard from generate_series(0, ${shardCount - 1}) as number) as shards`
      )
      const rowCount = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length)

      return {
        // In random order: in a fixed one, the last shards would starve while the others keep filling.
        take: (limit) =>
          Effect.map(
            rows(ShardRow)(sql`
              with waiting_shards as materialized (
                select shard from ${shards}
                where exists (select 1 from outbox where outbox.shard = shards.shard and ${isWaiting})
                order by random())
              select shard from waiting_shards where pg_try_advisory_xact_lock(${lockClass}::int, shard) limit ${limit}`),
            (taken) => taken.map(({ shard }) => shard)
          ),

        waiting: (taken, limit, except) =>
          rows(EventRow)(sql`
            select id, user_id as "userId", user_version::int as "userVersion", event_type as "eventType", payload,
              traceparent, created_at as "createdAt"
            from unnest(${taken}::smallint[]) as taken (shard) cross join lateral (
              select * from outbox
              where outbox.shard = taken.shard and ${isWaiting} and user_id <> all(${except}::uuid[])
              order by position limit ${limit}) as first
            order by position`),

        markPublished: (ids, now) =>
          Effect.asVoid(sql`
            update outbox set published_at = ${DateTime.toDate(now)} where id = any(${ids}::uuid[])`),

        setAside: (ids, now) =>
          Effect.asVoid(sql`
            update outbox set set_aside_at = ${DateTime.toDate(now)} where id = any(${ids}::uuid[])`),

        lag: (maxCount) =>
          onlyRow(LagRow)(sql`
            select
              (select count(*)::int from (select 1 from outbox where ${isWaiting} limit ${maxCount}) as counted) as waiting,
              (select count(*)::int from (
                select 1 from outbox where set_aside_at is not null limit ${maxCount}) as counted) as "setAside",
              (select min(created_at) from ${shards} cross join lateral (
                select created_at from outbox where outbox.shard = shards.shard and ${isWaiting}
                order by position limit 1) as first) as oldest`),

        removePublished: (before, limit) =>
          rowCount(sql`
            delete from outbox where id in (
              select id from outbox where published_at < ${DateTime.toDate(before)}
              order by published_at limit ${limit} for update skip locked)
            returning 1`),

        // The index is on published_at, whose clock may differ from that of created_at, hence the margin of an hour.
        replayPublished: (since, until, limit) =>
          rowCount(sql`
            update outbox set published_at = null where id in (
              select id from outbox
              where created_at >= ${DateTime.toDate(since)} and published_at < ${DateTime.toDate(until)}
                and published_at >= ${DateTime.toDate(since)}::timestamptz - interval '1 hour'
              order by published_at, position limit ${limit} for update)
            returning 1`),

        replaySetAside: (since, until, limit) =>
          rowCount(sql`
            update outbox set set_aside_at = null where id in (
              select id from outbox
              where set_aside_at < ${DateTime.toDate(until)} and created_at >= ${DateTime.toDate(since)}
              order by position limit ${limit} for update)
            returning 1`)
      }
    })
  )
}
