import {
  DeliveryDecisionEntry,
  SecurityLogEntry,
  SessionRecord,
  SuppressedAddress
} from "@user-service/domain/AccountExport"
import { type Channel, Delivery, type NotificationId } from "@user-service/domain/Delivery"
import type { PushToken } from "@user-service/domain/PushToken"
import { RevocationReason } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import * as Columns from "../Columns.ts"
import { DeliveryRow, deliveryColumns } from "../deliveries/DeliveriesRepo.ts"
import { tokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { PushTokenRow, toPushToken } from "../push-tokens/PushTokenRows.ts"
import { type Query, rows } from "../Rows.ts"
import { endOfIdle, isIdle } from "../IdleSessions.ts"
import { endOfAll } from "../SessionCutoff.ts"

/** The last row of a page. The time has all digits of PostgreSQL, more than a `Date`, so that no row is left out. */
export interface PageCursor {
  readonly id: string
  readonly at: string
}

/** The last decision of a page. Its time would not do: it changes when the notification is resolved again. */
export interface DecisionCursor {
  readonly notificationId: NotificationId
  readonly channel: Channel
}

/** A part of a list, and the cursor of the part after it. None after the last part. */
export interface ExportPage<A, Cursor = PageCursor> {
  readonly items: ReadonlyArray<A>
  readonly next: Option.Option<Cursor>
}

/** Reads the page after the cursor, or the first one, the newest rows first. */
type ReadPage<A> = (userId: UserId, after?: PageCursor) => Query<ExportPage<A>>

/** The largest number of rows of a page. A page is all that an export holds in memory. */
export const pageSize = 500

// A page ends early after so many bytes of the texts whose length has no other limit, but has at least one row.
const maxPageBytes = 1_048_576

/** `rowsRead` is the number of rows of the page before it was cut to its size. */
const pageFields = { cursorId: Schema.String, cursorAt: Schema.String, rowsRead: Schema.Int }
type PageRow = Schema.Struct.Type<typeof pageFields>

const SessionRecordRow = Schema.Struct({
  id: Columns.sessionId,
  deviceName: Schema.String,
  userAgent: Schema.String,
  ip: Schema.NullOr(Schema.String),
  createdAt: Columns.time,
  lastSeenAt: Columns.time,
  expiresAt: Columns.time,
  revokedAt: Schema.NullOr(Columns.time),
  revokedReason: Schema.NullOr(RevocationReason),
  ...pageFields
})

const DecisionRow = Schema.Struct({
  ...DeliveryDecisionEntry.fields,
  until: Schema.NullOr(Columns.time),
  decidedAt: Columns.time,
  sendAt: Columns.time
})

const SuppressionRow = Schema.Struct({
  email: Columns.email,
  reason: SuppressedAddress.fields.reason,
  createdAt: Columns.time
})

const SecurityLogRow = Schema.Struct({ ...SecurityLogEntry.fields, at: Columns.time, ...pageFields })

const ExportedTokenRow = Schema.Struct({ ...PushTokenRow.fields, ...pageFields })
const ExportedDeliveryRow = Schema.Struct({ ...DeliveryRow.fields, ...pageFields })

// Of whoever held the account before a reset proved its address.
const isOriginHidden = "coalesce(created_at < origins_hidden_before, false)"
const isOfAnotherOrHidden = `(actor_id <> user_id or ${isOriginHidden})`

const withoutChecks = { disableChecks: true } as const

/**
 * Reads what is stored of a user, in pages by key: each page is a short statement, however many rows there are. No statement
 * reads a secret: neither tokens nor hashes.
 */
export class ExportsRepo extends Context.Service<
  ExportsRepo,
  {
    /** All sessions that have not been deleted yet. */
    readonly sessions: ReadPage<SessionRecord>
    readonly pushTokens: ReadPage<PushToken>
    readonly deliveries: ReadPage<Delivery>
    readonly securityLog: ReadPage<SecurityLogEntry>
    /** The decisions on deliveries to the user that no delivery records, in the order of their keys. */
    readonly deliveryDecisions: (
      userId: UserId,
      after?: DecisionCursor
    ) => Query<ExportPage<DeliveryDecisionEntry, DecisionCursor>>
    readonly suppressions: (userId: UserId) => Query<ReadonlyArray<SuppressedAddress>>
  }
>()("@user-service/core/exports/ExportsRepo") {
  static readonly layer = Layer.effect(
    ExportsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const pages = <Row extends PageRow, Encoded, A>(source: {
        readonly table: string
        readonly columns: (now: DateTime.Utc) => Statement.Fragment
        /** The bytes of the texts of a row that may be long. Default: none. */
        readonly bytes?: string
        readonly row: Schema.Codec<Row, Encoded>
        readonly toItem: (row: Row) => A
      }): ReadPage<A> => {
        const read = rows(source.row)
        const [table, bytes] = [source.table, source.bytes ?? "0"].map(sql.literal)
        return Effect.fnUntraced(function* (userId, after) {
          const found = yield* read(sql`
            select ${source.columns(yield* DateTime.now)}, id as "cursorId", rows_read as "rowsRead",
              to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "cursorAt"
            from (
              select *, count(*) over ()::int as rows_read,
                sum(${bytes}) over (order by created_at desc, id desc) - ${bytes} as bytes_before
              from (
                select * from ${table} where user_id = ${userId}
                  ${after === undefined ? sql`` : sql`and (created_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
                order by created_at desc, id desc limit ${pageSize}
              ) as page
            ) as sized left join (select origins_hidden_before from users where id = ${userId}) as account on true
            where bytes_before < ${maxPageBytes} order by created_at desc, id desc`)
          const last = found.at(-1)
          const isLastPage = last === undefined || (last.rowsRead < pageSize && found.length === last.rowsRead)
          return {
            items: found.map(source.toItem),
            next: isLastPage ? Option.none() : Option.some({ at: last.cursorAt, id: last.cursorId })
          }
        })
      }

      return {
        sessions: pages({
          table: "sessions",
          columns: (now) => {
            const [hidden, ended, idleEnd] = [isOriginHidden, endOfAll, endOfIdle].map(sql.literal)
            const idle = sql`revoked_at is null and ${isIdle(sql, "sized", now)} and ${idleEnd} < expires_at`
            return sql`id, case when ${hidden} then '' else device_name end as "deviceName",
              case when ${hidden} then '' else user_agent end as "userAgent",
              case when ${hidden} then null else ip end as ip, created_at as "createdAt",
              last_seen_at as "lastSeenAt", expires_at as "expiresAt",
              coalesce(revoked_at, least(${ended}, case when ${idle} then ${idleEnd} end)) as "revokedAt",
              coalesce(revoked_reason, case
                when ${idle} and ${idleEnd} <= coalesce(${ended}, 'infinity') then 'idle'
                when ${ended} is not null then 'admin' end) as "revokedReason"`
          },
          row: SessionRecordRow,
          toItem: (row) => new SessionRecord(row, withoutChecks)
        }),
        pushTokens: pages({
          table: "push_tokens",
          columns: () => sql.literal(tokenColumns),
          row: ExportedTokenRow,
          toItem: toPushToken
        }),
        deliveries: pages({
          table: "deliveries",
          columns: () => sql.literal(deliveryColumns),
          bytes: `(coalesce(octet_length(error), 0) + coalesce(octet_length(error_code), 0) + coalesce(octet_length(provider), 0))`,
          row: ExportedDeliveryRow,
          toItem: (row) => new Delivery(row, withoutChecks)
        }),
        securityLog: pages({
          table: "audit_log",
          columns: () =>
            sql.literal(`action, created_at as at, case when ${isOfAnotherOrHidden} then null else ip end as ip,
              case when ${isOfAnotherOrHidden} then null else user_agent end as "userAgent", details`),
          row: SecurityLogRow,
          toItem: (row) => new SecurityLogEntry(row, withoutChecks)
        }),

        deliveryDecisions: (userId, after) =>
          Effect.map(
            rows(DecisionRow)(sql`
              select notification_id as "notificationId", channel, category, decision, rule, until, decided_at as "decidedAt",
                send_at as "sendAt", utc_offset as "utcOffset", preferences_version::int as "preferencesVersion",
                frequency_limit as "frequencyLimit", charged_count as "chargedCount"
              from delivery_decisions where user_id = ${userId}
              ${after === undefined ? sql`` : sql`and (notification_id, channel) > (${after.notificationId}, ${after.channel})`}
              order by notification_id, channel limit ${pageSize}`),
            (found) => ({
              items: found.map((row) => new DeliveryDecisionEntry(row, withoutChecks)),
              next: Option.fromUndefinedOr(found.length < pageSize ? undefined : found.at(-1))
            })
          ),

        suppressions: (userId) =>
          Effect.map(
            rows(SuppressionRow)(sql`
              select email, reason, created_at as "createdAt" from suppressions where user_id = ${userId}`),
            (found) => found.map((row) => new SuppressedAddress(row, withoutChecks))
          )
      }
    })
  )
}
