// Changes in a transaction, and in a single statement (decision 0015).
import type { Invalidation } from "@user-service/cache/Cache"
import * as Storage from "@user-service/database/Storage"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import type { Mail } from "@user-service/domain/Mail"
import { Role } from "@user-service/domain/Role"
import type { AccountAuthority } from "@user-service/domain/StaffRules"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { recordedSpan } from "@user-service/telemetry/RecordedSpan"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError, type Statement } from "effect/sql"
import { CurrentActor } from "../Actor.ts"
import * as Columns from "../Columns.ts"
import { MailOutboxRepo } from "../mails/MailOutboxRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { firstRow, type Query, rows } from "../Rows.ts"

/** A user whose row this transaction has locked. `version` is the user's version after the change. */
export interface LockedUser {
  readonly id: UserId
  readonly version: number
}

/** An entry of the audit log. The address, the user agent and the acting member of staff come from the current request. */
export interface AuditEntry {
  /** Null if the entry is about all users. */
  readonly userId: UserId | null
  /** `<feature>.<what happened>`, such as `session.revoked`. */
  readonly action: string
  /** Other facts that an auditor needs. Never credentials. */
  readonly details?: Schema.JsonObject
}

/** The rows that a change writes for others: events, audit entries, and mails to the user. */
export interface WrittenRows {
  readonly events: ReadonlyArray<DomainEvent>
  readonly audit: ReadonlyArray<AuditEntry>
  readonly mails?: ReadonlyArray<Mail>
}

/** A change to one user in one statement, as fragments of that statement. */
export interface StatementChange<A> {
  /**
   * Common table expressions that change the one user in `locked`. One of them is `changed`: one row with an `id`, or no
   * row if the change does not apply. Except for `locked`, they see all rows as they were before the statement waited for
   * the lock.
   */
  readonly changed: Statement.Fragment
  /** The schema of a row of `changed`. */
  readonly row: Schema.Codec<A, unknown>
  /** A query with one row per event: the event as `jsonb`. */
  readonly events: Statement.Fragment
  readonly action: AuditEntry["action"]
  /** The account that makes the change if no member of staff does, for the audit entry. Null where no account acts. */
  readonly actor: UserId | null
  /** A `jsonb` expression over `changed`: the details of the audit entry. */
  readonly details: Statement.Fragment
  /** The stale cached copies besides that of the user. */
  readonly stale: (changed: A) => ReadonlyArray<Invalidation>
}

/** The outcome of a change in one statement. */
export interface StatementOutcome<A> {
  readonly user: LockedUser
  /** None if the change did not apply. */
  readonly changed: Option.Option<A>
  readonly hasEvents: boolean
}

const LockedRow = Schema.Struct({ id: Columns.userId, version: Schema.Int })
const AuthorityRow = Schema.Struct({ userId: Columns.userId, role: Schema.NullOr(Role), isActive: Schema.Boolean })
const OutcomeRow = Schema.Struct({ userVersion: Schema.Int, isChanged: Schema.Boolean, hasEvents: Schema.Boolean })

// The columns of events and audit entries that come from the current request. `reason` are details of every audit entry.
const requestColumns = Effect.gen(function* () {
  const { ip, userAgent } = yield* CurrentOrigin
  const actor = yield* CurrentActor
  const traceparent = Option.map(
    Option.flatMap(yield* Effect.option(Effect.currentParentSpan), recordedSpan),
    (span) => `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
  )
  return {
    ip,
    userAgent,
    traceparent: Option.getOrNull(traceparent),
    now: DateTime.toDate(yield* DateTime.now),
    staffId: actor?.userId ?? null,
    reason: JSON.stringify(actor === null ? {} : { reason: actor.reason })
  }
})

// The user of events about all users: no user has the nil UUID (RFC 9562, section 5.9). It gives these events a shard, and an order
// among themselves.
const allUsers = UserId.make("00000000-0000-0000-0000-000000000000")

const encodeEvent = Schema.encodeEffect(Schema.toCodecJson(DomainEvent))

/**
 * The statements that all changes share: locks, versions, outbox and audit log. All but `changeByStatement` run in the
 * caller's transaction.
 */
export class ChangesRepo extends Context.Service<
  ChangesRepo,
  {
    /** Locks the rows of the users that exist, in id order. */
    readonly lock: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<LockedUser>>
    /**
     * Keeps the account of the member of staff who acts as it is until the transaction ends. Other acts of the same member do not
     * wait. No user is locked for a change, so the result is empty.
     */
    readonly lockActor: (actorId: UserId) => Query<ReadonlyArray<LockedUser>>
    /** The accounts of the users that exist, with their roles. */
    readonly authorities: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<AccountAuthority>>
    /** Increments the versions of `locked` and writes events, audit entries and mails, in the transaction's last statements. */
    readonly record: (locked: ReadonlyArray<LockedUser>, written: WrittenRows) => Query<void>
    /** Locks, changes and records in one statement, which is its own transaction. */
    readonly changeByStatement: <A>(
      userId: UserId,
      change: StatementChange<A>
    ) => Effect.Effect<StatementOutcome<A>, UserNotFound | SqlError.SqlError>
  }
>()("@user-service/core/changes/ChangesRepo") {
  static readonly layerNoDeps = Layer.effect(
    ChangesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage
      const mailOutbox = yield* MailOutboxRepo

      const lock = (userIds: ReadonlyArray<UserId>) =>
        rows(LockedRow)(sql`
          select u.id, u.version::int + 1 as version
          from unnest(${userIds}::uuid[]) as requested (id) join users u using (id) order by u.id for no key update of u`)

      const lockActor = (actorId: UserId) => Effect.as(sql`select 1 from users where id = ${actorId} for share`, [])

      const authorities = (userIds: ReadonlyArray<UserId>) =>
        rows(AuthorityRow)(sql`
          select id as "userId", role, is_active as "isActive" from users where id = any(${userIds}::uuid[])`)

      const record = Effect.fnUntraced(function* (
        locked: ReadonlyArray<LockedUser>,
        { audit, events, mails = [] }: WrittenRows
      ) {
        const { ip, now, reason, staffId, traceparent, userAgent } = yield* requestColumns
        if (mails.length > 0) {
          yield* Effect.asVoid(storage.pipeline(mailOutbox.insert(mails, traceparent, DateTime.fromDateUnsafe(now))))
        }
        const versions = new Map(locked.map((user) => [user.id, user.version]))
        const eventRows = yield* Effect.forEach(events, (event) => {
          const userId = "userId" in event ? event.userId : allUsers
          return Effect.map(Effect.orDie(encodeEvent(event)), (payload) => ({
            user_id: userId,
            user_version: versions.get(userId) ?? 1,
            event_type: event._tag,
            payload
          }))
        })
        const auditRows = audit.map((entry) => ({
          user_id: entry.userId,
          action: entry.action,
          details: entry.details ?? {}
        }))
        // Pipelined with the commit.
        yield* Effect.asVoid(
          storage.pipeline(sql`
          with version_rows as (
            update users set version = version + 1 where id = any(${locked.map((user) => user.id)}::uuid[])
          ), audit_rows as (
            insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
            select user_id, coalesce(${staffId}::uuid, user_id), action, ${ip}::text, ${userAgent}::text,
              details || ${reason}::jsonb, ${now}::timestamptz
            from jsonb_to_recordset(${JSON.stringify(auditRows)}::jsonb)
              as entry (user_id uuid, action text, details jsonb)
          )
          insert into outbox (user_id, user_version, event_type, payload, traceparent, created_at)
          select user_id, user_version, event_type, payload, ${traceparent}::text, ${now}::timestamptz
          from jsonb_to_recordset(${JSON.stringify(eventRows)}::jsonb)
            as event (user_id uuid, user_version bigint, event_type text, payload jsonb)`)
        )
      })

      const changeByStatement = Effect.fnUntraced(function* <A>(userId: UserId, change: StatementChange<A>) {
        const { ip, now, reason, staffId, traceparent, userAgent } = yield* requestColumns
        const answer = yield* sql`
          with locked as materialized (
            select id, version + 1 as version from users where id = ${userId} for no key update
          ), ${change.changed}, version_rows as (
            update users u set version = locked.version from locked, changed where u.id = locked.id
          ), audit_rows as (
            insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
            select locked.id, ${staffId ?? change.actor}::uuid, ${change.action}::text, ${ip}::text, ${userAgent}::text,
              (${change.details}) || ${reason}::jsonb, ${now}::timestamptz
            from locked, changed
          ), event_rows as (
            insert into outbox (user_id, user_version, event_type, payload, traceparent, created_at)
            select locked.id, locked.version, payload->>'_tag', payload, ${traceparent}::text, ${now}::timestamptz
            from locked, (${change.events}) as event (payload)
            returning id
          )
          select locked.version::int as "userVersion", changed.id is not null as "isChanged",
            exists (select from event_rows) as "hasEvents", changed.*
          from locked left join changed on true`
        const outcome = yield* firstRow(OutcomeRow)(Effect.succeed(answer))
        if (Option.isNone(outcome)) return yield* new UserNotFound()
        const { hasEvents, isChanged, userVersion } = outcome.value
        return {
          user: { id: userId, version: userVersion },
          changed: isChanged ? yield* firstRow(change.row)(Effect.succeed(answer)) : Option.none<A>(),
          hasEvents
        }
      })

      return { lock, lockActor, authorities, record, changeByStatement }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(MailOutboxRepo.layer))
}
