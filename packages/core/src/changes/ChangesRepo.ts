import * as Storage from "@user-service/database/Storage"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema, Tracer } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient, type SqlError } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CurrentOrigin } from "../Origin.ts"
import { rows } from "../Rows.ts"

/** A user whose row this transaction holds; the version the change is going to give it. */
export interface LockedUser {
  readonly id: UserId
  readonly version: number
}

/** One line of the audit log: who did what to whom is filled in from the request. */
export interface AuditEntry {
  readonly userId: UserId
  /** `<feature>.<what happened>`, such as `session.revoked`. */
  readonly action: string
  /** What else an auditor needs; never a credential. */
  readonly details?: Readonly<Record<string, string | number>>
}

// The nearest span that there is outside of this process: where nothing is exported, that is the client's.
const recorded = (span: Tracer.AnySpan): Option.Option<Tracer.AnySpan> => {
  if (!Context.get(span.annotations, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? Option.flatMap(span.parent, recorded) : Option.none()
}

const LockedRow = Schema.Struct({ id: Columns.userId, version: Schema.Int })
const encodeEvent = Schema.encodeEffect(Schema.toCodecJson(DomainEvent))

/** The rows every change shares: locks, versions, outbox and audit log. All of it belongs to the caller's transaction. */
export class ChangesRepo extends Context.Service<
  ChangesRepo,
  {
    /** Locks the rows of those that exist, in id order; `version` is the one they get when the change is recorded. */
    readonly lock: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<LockedUser>, SqlError.SqlError>
    /** Raises the version of the `locked` and writes events and audit entries, in one statement: the transaction's last. */
    readonly record: (
      locked: ReadonlyArray<LockedUser>,
      events: ReadonlyArray<DomainEvent>,
      audit: ReadonlyArray<AuditEntry>
    ) => Effect.Effect<void, SqlError.SqlError>
  }
>()("@user-service/core/changes/ChangesRepo") {
  static readonly layer = Layer.effect(
    ChangesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage
      const random = yield* SecureRandom.SecureRandom

      const lock = (userIds: ReadonlyArray<UserId>) =>
        rows(LockedRow)(sql`
          select u.id, u.version::int + 1 as version
          from unnest(${userIds}::uuid[]) as asked (id) join users u using (id) order by u.id for no key update of u`)

      const record = Effect.fnUntraced(function* (
        locked: ReadonlyArray<LockedUser>,
        events: ReadonlyArray<DomainEvent>,
        audit: ReadonlyArray<AuditEntry>
      ) {
        const origin = yield* CurrentOrigin
        const now = DateTime.toDate(yield* DateTime.now)
        const traceparent = Option.map(
          Option.flatMap(yield* Effect.option(Effect.currentParentSpan), recorded),
          (span) => `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
        )
        const versions = new Map(locked.map((user) => [user.id, user.version]))
        const eventRows = yield* Effect.forEach(
          events,
          Effect.fnUntraced(function* (event) {
            return {
              id: yield* random.uuidV7(),
              user_id: event.userId,
              user_version: versions.get(event.userId) ?? 1,
              event_type: event._tag,
              payload: yield* Effect.orDie(encodeEvent(event))
            }
          })
        )
        const auditRows = yield* Effect.forEach(audit, (entry) =>
          Effect.map(random.uuidV7(), (id) => ({
            id,
            user_id: entry.userId,
            action: entry.action,
            details: entry.details ?? {}
          }))
        )
        // With the commit that follows it.
        yield* Effect.asVoid(
          storage.ahead(sql`
          with raised as (
            update users set version = version + 1 where id = any(${locked.map((user) => user.id)}::uuid[])
          ), audited as (
            insert into audit_log (id, user_id, actor_id, action, ip, user_agent, details, created_at)
            select id, user_id, user_id, action, ${origin.ip}::text, ${origin.userAgent}::text, details, ${now}::timestamptz
            from jsonb_to_recordset(${JSON.stringify(auditRows)}::jsonb)
              as entry (id uuid, user_id uuid, action text, details jsonb)
          )
          insert into outbox (id, user_id, user_version, event_type, payload, traceparent, created_at)
          select id, user_id, user_version, event_type, payload, ${Option.getOrNull(traceparent)}::text, ${now}::timestamptz
          from jsonb_to_recordset(${JSON.stringify(eventRows)}::jsonb)
            as event (id uuid, user_id uuid, user_version bigint, event_type text, payload jsonb)`)
        )
      })

      return { lock, record }
    })
  )
}
