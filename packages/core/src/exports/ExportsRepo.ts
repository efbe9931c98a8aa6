import { SecurityLogEntry, SessionRecord, SuppressedAddress } from "@user-service/domain/AccountExport"
import { Delivery } from "@user-service/domain/Delivery"
import type { PushToken } from "@user-service/domain/PushToken"
import { RevocationReason } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { DeliveryRow, deliveryColumns } from "../deliveries/DeliveriesRepo.ts"
import { tokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { PushTokenRow, toPushToken } from "../push-tokens/PushTokenRows.ts"
import { type Query, rows } from "../Rows.ts"

/** The last row of a page. The time has all digits of PostgreSQL, more than a `Date`, so that no row is left out. */
export interface PageCursor {
  readonly id: string
  readonly at: string
}

/** A part of a list, and the cursor of the part after it. None after the last part. */
export interface ExportPage<A, Cursor = PageCursor> {
  readonly items: ReadonlyArray<A>
  readonly next: Option.Option<Cursor>
}

/** Reads the page after the cursor, or the first one, the newest rows first. */
type ReadPage<A> = (userId: UserId, after?: PageCursor) => Query<ExportPage<A>>

/** The number of rows of a page. A page is all that an export holds in memory. */
export const pageSize = 500

const cursorFields = { cursorId: Schema.String, cursorAt: Schema.String }

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
  ...cursorFields
})

const SuppressionRow = Schema.Struct({
  email: Columns.email,
  reason: SuppressedAddress.fields.reason,
  createdAt: Columns.time
})

const SecurityLogRow = Schema.Struct({ ...SecurityLogEntry.fields, at: Columns.time, ...cursorFields })

const ExportedTokenRow = Schema.Struct({ ...PushTokenRow.fields, ...cursorFields })
const ExportedDeliveryRow = Schema.Struct({ ...DeliveryRow.fields, ...cursorFields })

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
    readonly suppressions: (userId: UserId) => Query<ReadonlyArray<SuppressedAddress>>
    readonly exists: (userId: UserId) => Query<boolean>
  }
>()("@user-service/core/exports/ExportsRepo") {
  static readonly layer = Layer.effect(
    ExportsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const pages = <Row extends { readonly cursorId: string; readonly cursorAt: string }, Encoded, A>(source: {
        readonly table: string
        readonly columns: string
        readonly row: Schema.Codec<Row, Encoded>
        readonly toItem: (row: Row) => A
      }): ReadPage<A> => {
        const read = rows(source.row)
        const [columns, table] = [sql.literal(source.columns), sql.literal(source.table)]
        return Effect.fnUntraced(function* (userId, after) {
          const found = yield* read(sql`
            select ${columns}, id as "cursorId",
              to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "cursorAt"
            from ${table} where user_id = ${userId}
              ${after === undefined ? sql`` : sql`and (created_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
            order by created_at desc, id desc limit ${pageSize}`)
          const last = found.length < pageSize ? undefined : found.at(-1)
          const next = Option.map(Option.fromUndefinedOr(last), ({ cursorAt, cursorId }) => ({
            at: cursorAt,
            id: cursorId
          }))
          return { items: found.map(source.toItem), next }
        })
      }

      return {
        sessions: pages({
          table: "sessions",
          columns: `id, device_name as "deviceName", user_agent as "userAgent", ip, created_at as "createdAt",
            last_seen_at as "lastSeenAt", expires_at as "expiresAt", revoked_at as "revokedAt",
            revoked_reason as "revokedReason"`,
          row: SessionRecordRow,
          toItem: (row) => new SessionRecord(row, withoutChecks)
        }),
        pushTokens: pages({
          table: "push_tokens",
          columns: tokenColumns,
          row: ExportedTokenRow,
          toItem: toPushToken
        }),
        deliveries: pages({
          table: "deliveries",
          columns: deliveryColumns,
          row: ExportedDeliveryRow,
          toItem: (row) => new Delivery(row, withoutChecks)
        }),
        securityLog: pages({
          table: "audit_log",
          columns: `action, created_at as at, case when actor_id is null or actor_id = user_id then ip end as ip,
            case when actor_id is null or actor_id = user_id then user_agent end as "userAgent", details`,
          row: SecurityLogRow,
          toItem: (row) => new SecurityLogEntry(row, withoutChecks)
        }),

        suppressions: (userId) =>
          Effect.map(
            rows(SuppressionRow)(sql`
              select email, reason, created_at as "createdAt" from suppressions where user_id = ${userId}`),
            (found) => found.map((row) => new SuppressedAddress(row, withoutChecks))
          ),

        exists: (userId) =>
          Effect.map(sql`select 1 from users where id = ${userId}`, (found: ReadonlyArray<unknown>) => found.length > 0)
      }
    })
  )
}
