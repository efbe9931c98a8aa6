import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** As many as the table has; one user's events are all in the same. */
export const shardCount = 16

// The first half of the key of each shard's advisory lock; any number no one else takes in this database.
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

/** An event as its row holds it. */
export type StoredEvent = typeof EventRow.Type

const ShardRow = Schema.Struct({ shard: Schema.Int })
const LagRow = Schema.Struct({ waiting: Schema.Int, setAside: Schema.Int, oldest: Schema.NullOr(Columns.time) })

/** The events on their way out. */
export class OutboxRepo extends Context.Service<
  OutboxRepo,
  {
    /**
     * Shards in which something waits and that no other transaction has taken, `limit` of them at most, whichever. They stay
     * taken until the transaction ends.
     */
    readonly take: (limit: number) => Query<ReadonlyArray<number>>
    /** What waits in the shards, `limit` in each at most, in order of position; nothing of the users in `except`. */
    readonly waiting: (
      shards: ReadonlyArray<number>,
      limit: number,
      except: ReadonlyArray<UserId>
    ) => Query<ReadonlyArray<StoredEvent>>
    readonly markPublished: (ids: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    readonly setAside: (ids: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    /** How many wait, counted to `most`, how many are set aside, and since when the oldest waits. */
    readonly lag: (most: number) => Query<typeof LagRow.Type>
    /** Deletes `limit` at most of those published before; answers how many. */
    readonly removePublished: (before: DateTime.Utc, limit: number) => Query<number>
    /**
     * Lets `limit` at most of what happened since, and was published before `until`, wait again, those first that were
     * published first; answers how many.
     */
    readonly replayPublished: (since: DateTime.Utc, until: DateTime.Utc, limit: number) => Query<number>
    /** The same for what was set aside before `until`. */
    readonly replaySetAside: (since: DateTime.Utc, until: DateTime.Utc, limit: number) => Query<number>
  }
>()("@user-service/core/outbox/OutboxRepo") {
  static readonly layer = Layer.effect(
    OutboxRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const isWaiting = sql.literal("published_at is null and set_aside_at is null")
      const shards = sql.literal(
        `(select number::smallint as shard from generate_series(0, ${shardCount - 1}) as number) as every`
      )
      const counted = (changed: Query<ReadonlyArray<unknown>>) => Effect.map(changed, (changed) => changed.length)

      return {
        // In any order, or what is last would never be taken while all the others go on filling.
        take: (limit) =>
          Effect.map(
            rows(ShardRow)(sql`
              with busy as materialized (
                select shard from ${shards}
                where exists (select 1 from outbox where outbox.shard = every.shard and ${isWaiting})
                order by random())
              select shard from busy where pg_try_advisory_xact_lock(${lockClass}::int, shard) limit ${limit}`),
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

        lag: (most) =>
          onlyRow(LagRow)(sql`
            select
              (select count(*)::int from (select 1 from outbox where ${isWaiting} limit ${most}) as counted) as waiting,
              (select count(*)::int from outbox where set_aside_at is not null) as "setAside",
              (select min(created_at) from ${shards} cross join lateral (
                select created_at from outbox where outbox.shard = every.shard and ${isWaiting}
                order by position limit 1) as first) as oldest`),

        removePublished: (before, limit) =>
          counted(sql`
            delete from outbox where id in (
              select id from outbox where published_at < ${DateTime.toDate(before)}
              order by published_at limit ${limit} for update skip locked)
            returning 1`),

        // The index is by the time of publication, told by another clock than that of the change.
        replayPublished: (since, until, limit) =>
          counted(sql`
            update outbox set published_at = null where id in (
              select id from outbox
              where created_at >= ${DateTime.toDate(since)} and published_at < ${DateTime.toDate(until)}
                and published_at >= ${DateTime.toDate(since)}::timestamptz - interval '1 hour'
              order by published_at, position limit ${limit} for update)
            returning 1`),

        replaySetAside: (since, until, limit) =>
          counted(sql`
            update outbox set set_aside_at = null where id in (
              select id from outbox
              where set_aside_at < ${DateTime.toDate(until)} and created_at >= ${DateTime.toDate(since)}
              order by position limit ${limit} for update)
            returning 1`)
      }
    })
  )
}
