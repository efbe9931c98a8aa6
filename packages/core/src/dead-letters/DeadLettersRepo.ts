import { DeadLetter, type DeadLetterId } from "@user-service/domain/DeadLetter"
import { Array, Context, DateTime, Effect, Layer, Option, Order, Schema } from "effect"
import { Hex } from "effect/encoding"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow, onlyRow, type Query, rows } from "../Rows.ts"

/** The row of a dead letter. */
export interface DeadLetterRow {
  readonly id: DeadLetterId
  /** SHA-256 of the fields that identify a message. */
  readonly digest: Uint8Array
  readonly queue: string
  readonly reason: string
  readonly routingKey: string
  readonly messageId: string | null
  readonly contentType: string | null
  /** JSON. */
  readonly headers: string
  readonly body: Uint8Array
  readonly size: number
}

/** Selects dead letters. An absent field selects all. */
export interface DeadLetterFilter {
  readonly ids?: ReadonlyArray<string>
  readonly reason?: string
  /** Only letters with a greater id. */
  readonly after?: string
}

const id = Schema.String.pipe(Schema.brand("DeadLetterId"))

// Before all ids.
const nilId = "00000000-0000-0000-0000-000000000000"

const LetterRow = Schema.Struct({
  ...DeadLetter.fields,
  id,
  receivedAt: Columns.time,
  replayRequestedAt: Schema.NullOr(Columns.time)
})

const ContentRow = Schema.Struct({
  id,
  queue: Schema.String,
  messageId: Schema.NullOr(Schema.String),
  contentType: Schema.NullOr(Schema.String),
  headers: Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)),
  body: Schema.Uint8Array
})

const TextRow = Schema.Struct({
  id,
  messageId: Schema.NullOr(Schema.String),
  routingKey: Schema.String,
  headers: Schema.String,
  body: Schema.Uint8Array
})

/** Everything in a dead letter that its sender wrote. */
export type DeadLetterText = typeof TextRow.Type

/** The content of a dead letter, to publish it again. */
export type DeadLetterContent = typeof ContentRow.Type

const WaitingRow = Schema.Struct({
  waiting: Schema.Int,
  oldest: Schema.NullOr(Columns.time),
  oldestRequest: Schema.NullOr(Columns.time)
})

/** Each query is one statement and its own transaction. */
export class DeadLettersRepo extends Context.Service<
  DeadLettersRepo,
  {
    /**
     * Inserts the letters, which must have different digests. A stored letter with the same digest gets the new id, reason,
     * headers and time, and its replay is no longer requested.
     */
    readonly insert: (letters: Array.NonEmptyReadonlyArray<DeadLetterRow>, now: DateTime.Utc) => Query<void>
    /** The oldest first. */
    readonly find: (filter: DeadLetterFilter, limit: number) => Query<ReadonlyArray<DeadLetter>>
    /** Locks the letter until the end of the transaction. */
    readonly lock: (id: DeadLetterId) => Query<Option.Option<DeadLetter>>
    readonly requestReplay: (id: DeadLetterId, now: DateTime.Utc) => Query<void>
    /**
     * Locks the next letters whose replay is requested, in the order of their ids, and returns their contents: at most 20, and of
     * at most `maxBytes` together, but at least one. Leaves out those that another transaction has locked.
     */
    readonly takeRequested: (last: Option.Option<string>, maxBytes: number) => Query<ReadonlyArray<DeadLetterContent>>
    readonly contents: (ids: ReadonlyArray<DeadLetterId>, maxBytes: number) => Query<ReadonlyArray<DeadLetterContent>>
    /** The next letters in the order of their ids: at most 200, and of at most `maxBytes` together, but at least one. */
    readonly after: (last: Option.Option<string>, maxBytes: number) => Query<ReadonlyArray<DeadLetterText>>
    readonly remove: (ids: ReadonlyArray<DeadLetterId>) => Query<number>
    /** The ids of erased users among the UUIDs. */
    readonly findErased: (uuids: ReadonlyArray<string>) => Query<ReadonlyArray<string>>
    /** The number of letters, counted to `maxCount`, when the oldest came, and when the oldest replay was requested. */
    readonly waiting: (maxCount: number) => Query<typeof WaitingRow.Type>
    /** Deletes at most `limit` letters received before `before` and returns their number. */
    readonly removeReceived: (before: DateTime.Utc, limit: number) => Query<number>
  }
>()("@user-service/core/dead-letters/DeadLettersRepo") {
  static readonly layer = Layer.effect(
    DeadLettersRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rowCount = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length)
      const letterColumns = sql.literal(`
        id, queue, reason, routing_key as "routingKey", message_id as "messageId", size, length(body) < size as "isCut",
        received_at as "receivedAt", replay_requested_at as "replayRequestedAt"`)

      return {
        insert: (letters, now) =>
          Effect.asVoid(sql`
            insert into dead_letters ${sql.insert(
              Array.map(sortByDigest(letters), (letter) => ({
                id: letter.id,
                digest: letter.digest,
                queue: letter.queue,
                reason: letter.reason,
                routing_key: letter.routingKey,
                message_id: letter.messageId,
                content_type: letter.contentType,
                headers: letter.headers,
                body: letter.body,
                size: letter.size,
                received_at: DateTime.toDate(now)
              }))
            )}
            on conflict (digest) do update set
              id = excluded.id, reason = excluded.reason, headers = excluded.headers, received_at = excluded.received_at,
              replay_requested_at = null`),

        find: ({ after, ids, reason }, limit) =>
          Effect.map(
            rows(LetterRow)(sql`
              select ${letterColumns} from dead_letters
              where ${sql.and([
                sql`true`,
                ...(ids === undefined ? [] : [sql`id = any(${ids}::uuid[])`]),
                ...(reason === undefined ? [] : [sql`reason = ${reason}`]),
                ...(after === undefined ? [] : [sql`id > ${after}::uuid`])
              ])}
              order by id limit ${limit}`),
            (found) => found.map((row) => new DeadLetter(row))
          ),

        lock: (id) =>
          Effect.map(
            firstRow(LetterRow)(sql`select ${letterColumns} from dead_letters where id = ${id}::uuid for update`),
            Option.map((row) => new DeadLetter(row))
          ),

        requestReplay: (id, now) =>
          Effect.asVoid(sql`
            update dead_letters set replay_requested_at = ${DateTime.toDate(now)} where id = ${id}::uuid`),

        // As in `after`.
        takeRequested: (last, maxBytes) =>
          rows(ContentRow)(sql`
            select d.id, d.queue, d.message_id as "messageId", d.content_type as "contentType", d.headers::text as headers, d.body
            from (
              select id, sum(size) over (order by id) - size as bytes_before
              from (
                select id, size from dead_letters
                where replay_requested_at is not null and id > ${Option.getOrElse(last, () => nilId)}
                order by id limit 20 for update skip locked
              ) as next_letters
            ) as page
            cross join lateral (select * from dead_letters where id = page.id offset 0) as d
            where page.bytes_before < ${maxBytes}
            order by d.id`),

        contents: (ids, maxBytes) =>
          rows(ContentRow)(sql`
            select id, queue, message_id as "messageId", content_type as "contentType", headers::text as headers,
              substring(body from 1 for ${maxBytes}::int) as body
            from dead_letters where id = any(${ids}::uuid[]) order by id`),

        // The sizes are added up before any body is read.
        after: (last, maxBytes) =>
          rows(TextRow)(sql`
            select d.id, d.message_id as "messageId", d.routing_key as "routingKey", d.headers::text as headers, d.body
            from (
              select id, sum(size) over (order by id) - size as bytes_before
              from (
                select id, size from dead_letters
                where id > ${Option.getOrElse(last, () => nilId)}
                order by id limit 200
              ) as next_letters
            ) as page
            cross join lateral (select * from dead_letters where id = page.id offset 0) as d
            where page.bytes_before < ${maxBytes}
            order by d.id`),

        remove: (ids) => rowCount(sql`delete from dead_letters where id = any(${ids}::uuid[]) returning 1`),

        findErased: (uuids) =>
          Effect.map(
            rows(Schema.Struct({ userId: Columns.userId }))(sql`
              select user_id as "userId" from erasures where user_id = any(${uuids}::uuid[])`),
            (erased) => erased.map(({ userId }) => userId)
          ),

        waiting: (maxCount) =>
          onlyRow(WaitingRow)(sql`
            select (select count(*)::int from (select 1 from dead_letters order by id limit ${maxCount}) as counted) as waiting,
              (select min(received_at) from dead_letters) as oldest,
              (select min(replay_requested_at) from dead_letters where replay_requested_at is not null) as "oldestRequest"`),

        removeReceived: (before, limit) =>
          rowCount(sql`
            delete from dead_letters where id in (
              select id from dead_letters where received_at < ${DateTime.toDate(before)}
              order by received_at limit ${limit} for update skip locked)
            returning 1`)
      }
    })
  )
}

// A fixed order, so that two transactions that insert the same letters do not deadlock.
const sortByDigest = (letters: Array.NonEmptyReadonlyArray<DeadLetterRow>) =>
  Array.sortWith(letters, ({ digest }) => Hex.encode(digest), Order.String)
