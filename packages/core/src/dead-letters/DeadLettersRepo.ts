import { DeadLetter, type DeadLetterId } from "@user-service/domain/DeadLetter"
import { Array, Context, DateTime, Effect, Layer, Order, Schema } from "effect"
import { Hex } from "effect/encoding"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** A dead letter as its row holds it. */
export interface StoredLetter {
  readonly id: DeadLetterId
  /** SHA-256 of all that tells one message from another. */
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

/** Those that are meant; all of them where nothing is said. */
export interface DeadLetterFilter {
  readonly ids?: ReadonlyArray<string>
  readonly reason?: string
}

const id = Schema.String.pipe(Schema.brand("DeadLetterId"))

const LetterRow = Schema.Struct({ ...DeadLetter.fields, id, receivedAt: Columns.time })

const ContentRow = Schema.Struct({
  id,
  queue: Schema.String,
  messageId: Schema.NullOr(Schema.String),
  contentType: Schema.NullOr(Schema.String),
  headers: Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)),
  body: Schema.Uint8Array
})

/** What a dead letter says, to be said again. */
export type DeadContent = typeof ContentRow.Type

const WaitingRow = Schema.Struct({ waiting: Schema.Int, oldest: Schema.NullOr(Columns.time) })

/** Each is one statement, and so its own transaction. */
export class DeadLettersRepo extends Context.Service<
  DeadLettersRepo,
  {
    /** Those that are there already are as if they had come now, under the new id. No two may have the same digest. */
    readonly insert: (letters: Array.NonEmptyReadonlyArray<StoredLetter>, now: DateTime.Utc) => Query<void>
    /** In the order in which they came. */
    readonly find: (which: DeadLetterFilter, limit: number) => Query<ReadonlyArray<DeadLetter>>
    readonly contents: (ids: ReadonlyArray<DeadLetterId>, mostBytes: number) => Query<ReadonlyArray<DeadContent>>
    readonly remove: (ids: ReadonlyArray<DeadLetterId>) => Query<number>
    /** How many there are, counted to `most`, and when the first of them came. */
    readonly waiting: (most: number) => Query<typeof WaitingRow.Type>
    /** Deletes `limit` at most of those that came before; answers how many. */
    readonly removeReceived: (before: DateTime.Utc, limit: number) => Query<number>
  }
>()("@user-service/core/dead-letters/DeadLettersRepo") {
  static readonly layer = Layer.effect(
    DeadLettersRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const counted = (changed: Query<ReadonlyArray<unknown>>) => Effect.map(changed, (changed) => changed.length)

      return {
        insert: (letters, now) =>
          Effect.asVoid(sql`
            insert into dead_letters ${sql.insert(
              Array.map(inOrder(letters), (letter) => ({
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
              id = excluded.id, reason = excluded.reason, headers = excluded.headers, received_at = excluded.received_at`),

        find: ({ ids, reason }, limit) =>
          Effect.map(
            rows(LetterRow)(sql`
              select id, queue, reason, routing_key as "routingKey", message_id as "messageId", size,
                length(body) < size as "isCut", received_at as "receivedAt"
              from dead_letters
              where ${sql.and([
                sql`true`,
                ...(ids === undefined ? [] : [sql`id = any(${ids}::uuid[])`]),
                ...(reason === undefined ? [] : [sql`reason = ${reason}`])
              ])}
              order by id limit ${limit}`),
            (found) => found.map((row) => new DeadLetter(row))
          ),

        contents: (ids, mostBytes) =>
          rows(ContentRow)(sql`
            select id, queue, message_id as "messageId", content_type as "contentType", headers::text as headers,
              substring(body from 1 for ${mostBytes}::int) as body
            from dead_letters where id = any(${ids}::uuid[]) order by id`),

        remove: (ids) => counted(sql`delete from dead_letters where id = any(${ids}::uuid[]) returning 1`),

        waiting: (most) =>
          onlyRow(WaitingRow)(sql`
            select (select count(*)::int from (select 1 from dead_letters order by id limit ${most}) as counted) as waiting,
              (select min(received_at) from dead_letters) as oldest`),

        removeReceived: (before, limit) =>
          counted(sql`
            delete from dead_letters where id in (
              select id from dead_letters where received_at < ${DateTime.toDate(before)}
              order by received_at limit ${limit} for update skip locked)
            returning 1`)
      }
    })
  )
}

// Or two transactions that insert the same would wait for each other.
const inOrder = (letters: Array.NonEmptyReadonlyArray<StoredLetter>) =>
  Array.sortWith(letters, ({ digest }) => Hex.encode(digest), Order.String)
