// The statements of the audit pages, and why none of them reads a partition from end to end (decision 0041).
import { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema, Struct } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import type { RowKey } from "../Cursors.ts"
import * as Columns from "../Columns.ts"
import { type Query, rows } from "../Rows.ts"

/** Selects audit entries. Absent fields select all. */
export interface AuditFilter {
  /** Whom the entry is about. */
  readonly userId?: UserId
  /** Who acted. */
  readonly actorId?: UserId
  readonly action?: string
  /** The first time. */
  readonly from?: DateTime.Utc
  /** The time before which the entries are. */
  readonly to?: DateTime.Utc
}

/** A part of the log, and the key after which it goes on. */
export interface AuditLogPart {
  readonly items: ReadonlyArray<AuditLogEntry>
  readonly next: RowKey | undefined
}

/** How many entries a page may pass over that its filter does not select. */
export const maxPassed = 5000

const EntryRow = Schema.Struct({
  ...AuditLogEntry.fields,
  id: Schema.String,
  userId: Schema.NullOr(Columns.userId),
  actorId: Schema.NullOr(Columns.userId),
  createdAt: Columns.time,
  keyValue: Schema.String,
  isSelected: Schema.Boolean,
  isLast: Schema.Boolean
})

/** Reads the audit log in pages by key, the newest entries first. */
export class AuditLogRepo extends Context.Service<
  AuditLogRepo,
  {
    /** Passes over at most {@link maxPassed} entries, and ends the page early then. */
    readonly page: (filter: AuditFilter, limit: number, after: RowKey | undefined) => Query<AuditLogPart>
  }
>()("@user-service/core/audit/AuditLogRepo") {
  static readonly layer = Layer.effect(
    AuditLogRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const atMost = sql.literal(String(maxPassed))
      const byTime = sql.literal("order by created_at desc, id desc")
      const bySubject = sql.literal("order by subject desc, created_at desc, id desc")
      const keyValue = sql.literal(`(extract(epoch from created_at) * 1000000)::bigint::text as "keyValue"`)

      const timesOf = ({ from, to }: AuditFilter) => ({
        first: sql`coalesce(${from === undefined ? null : DateTime.toDate(from)}::timestamptz, timestamptz '-infinity')`,
        end: sql`coalesce(${to === undefined ? null : DateTime.toDate(to)}::timestamptz, timestamptz 'infinity')`
      })

      const timeOf = (after: RowKey) => sql`timestamptz 'epoch' + ${after.value}::bigint * interval '1 microsecond'`

      // Excludes partitions, which a comparison of rows does not.
      const isWithin = ({ from, to }: AuditFilter, after: RowKey | undefined) =>
        sql.and([
          sql`true`,
          ...(from === undefined ? [] : [sql`created_at >= ${DateTime.toDate(from)}`]),
          ...(to === undefined ? [] : [sql`created_at < ${DateTime.toDate(to)}`]),
          ...(after === undefined ? [] : [sql`created_at <= ${timeOf(after)}`])
        ])

      /**
       * The entries with this value of the column, the newest first. By comparisons of rows and not `=`: with that, the planner would also
       * consider the index of the times, and read the whole log where the value is rarer than it believes.
       */
      const entriesOf = (
        column: "action" | "actor_id" | "user_id",
        value: Statement.Fragment,
        filter: AuditFilter,
        after: RowKey | undefined
      ) => {
        const name = sql.literal(column)
        const { end, first } = timesOf(filter)
        return sql`
          select ${name} as subject, audit_log.* from audit_log
          where (${name}, created_at) >= (${value}, ${first}) and (${name}, created_at) < (${value}, ${end})
            and ${after === undefined ? sql`true` : sql`(${name}, created_at, id) < (${value}, ${timeOf(after)}, ${after.id}::uuid)`}
            and ${isWithin(filter, after)}`
      }

      const allEntries = (filter: AuditFilter, after: RowKey | undefined) => sql`
        select null as subject, audit_log.* from audit_log
        where ${isWithin(filter, after)}
          and ${after === undefined ? sql`true` : sql`(created_at, id) < (${timeOf(after)}, ${after.id}::uuid)`}`

      // At most `maxPassed` entries in their order, selected by the part of the filter that usually selects the fewest. All have the
      // same subject, which is in the order because it is in that of the index.
      const inOrder = (filter: AuditFilter, after: RowKey | undefined) => {
        const { action, actorId, userId } = filter
        if (userId !== undefined) {
          return sql`${entriesOf("user_id", sql`${userId}::uuid`, filter, after)} ${bySubject} limit ${atMost}`
        }
        if (actorId !== undefined) {
          // What users do to their own accounts is found by the user: the index of actors has only the rest.
          const actor = sql`${actorId}::uuid`
          return sql`
            (${entriesOf("user_id", actor, filter, after)} and actor_id = ${actor} ${bySubject} limit ${atMost})
            union all
            (${entriesOf("actor_id", actor, filter, after)} and actor_id is distinct from user_id ${bySubject} limit ${atMost})
            ${bySubject} limit ${atMost}`
        }
        return action === undefined
          ? sql`${allEntries(filter, after)} ${byTime} limit ${atMost}`
          : sql`${entriesOf("action", sql`${action}::text`, filter, after)} ${bySubject} limit ${atMost}`
      }

      const orderOf = ({ action, actorId, userId }: AuditFilter) =>
        userId === undefined && actorId === undefined && action === undefined ? byTime : bySubject

      const isSelected = ({ action, actorId }: AuditFilter) =>
        sql.and([
          sql`true`,
          ...(actorId === undefined ? [] : [sql`actor_id = ${actorId}`]),
          ...(action === undefined ? [] : [sql`action = ${action}`])
        ])

      return {
        page: Effect.fnUntraced(function* (filter, limit, after) {
          // The last entry that a page may pass over is found even if the filter does not select it: the list goes on after it.
          const found = yield* rows(EntryRow)(sql`
            select id::text, user_id as "userId", actor_id as "actorId", action, ip, user_agent as "userAgent", details,
              created_at as "createdAt", ${keyValue}, coalesce(${isSelected(filter)}, false) as "isSelected", passed = ${atMost} as "isLast"
            from (select entry.*, row_number() over (${orderOf(filter)}) as passed from (${inOrder(filter, after)}) as entry) as entry
            where (${isSelected(filter)}) or passed = ${atMost} ${orderOf(filter)} limit ${limit + 1}`)
          const selected = found.filter((row) => row.isSelected)
          const items = selected.slice(0, limit).map(toEntry)
          const last = selected.length > limit ? selected[limit - 1] : found.find((row) => row.isLast)
          return { items, next: last === undefined ? undefined : { value: last.keyValue, id: last.id } }
        })
      }
    })
  )
}

const entryFields = Struct.keys(AuditLogEntry.fields)

const toEntry = (row: typeof EntryRow.Type): AuditLogEntry =>
  new AuditLogEntry(Struct.pick(row, entryFields), { disableChecks: true })
