import { offset, type Page, type PageRequest } from "@user-service/domain/Page"
import { type RevocationReason, Session, type SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { isIdle } from "../IdleSessions.ts"
import { CurrentOrigin } from "../Origin.ts"
import { CountRow, firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import { isSinceCutoff } from "../SessionCutoff.ts"

/** The columns that determine both tokens of a session. The same state gives the same refresh token. */
export interface TokenState {
  readonly id: SessionId
  readonly userId: UserId
  readonly generation: number
  readonly refreshedAt: DateTime.Utc
  readonly expiresAt: DateTime.Utc
}

const TokenStateRow = Schema.Struct({
  id: Columns.sessionId,
  userId: Columns.userId,
  generation: Schema.Int,
  refreshedAt: Columns.time,
  expiresAt: Columns.time
})

const SessionRow = Schema.Struct({
  id: Columns.sessionId,
  deviceName: Schema.String,
  userAgent: Schema.String,
  ip: Schema.NullOr(Schema.String),
  createdAt: Columns.time,
  lastSeenAt: Columns.time,
  expiresAt: Columns.time
})

const DeviceRow = Schema.Struct({ deviceName: Schema.String })
const EndedRow = Schema.Struct({ id: Columns.sessionId })

const RefreshStateRow = Schema.Struct({
  ...TokenStateRow.fields,
  /** The session is neither revoked nor expired, and its user is active. */
  live: Schema.Boolean,
  /** The presented token is the session's current refresh token. */
  isCurrent: Schema.Boolean,
  /** The presented token is the previous refresh token. */
  isPrevious: Schema.Boolean
})

/** The session of a refresh token. An older token is neither current nor previous. */
export type RefreshState = typeof RefreshStateRow.Type

/** Selects sessions of a user. */
export type SessionFilter =
  | ReadonlyArray<SessionId>
  | "all"
  | { readonly allBut: SessionId }
  /** The least recently seen sessions beyond the given number, never `keep`. */
  | { readonly beyond: number; readonly keep: SessionId }

export class SessionsRepo extends Context.Service<
  SessionsRepo,
  {
    readonly insert: (session: {
      readonly id: SessionId
      readonly userId: UserId
      readonly deviceName: string
      readonly refreshTokenHash: Uint8Array
      readonly now: DateTime.Utc
      readonly expiresAt: DateTime.Utc
      readonly isConsole: boolean
    }) => Query<TokenState>
    /** Moves a live session of an active user from generation n to n + 1, if the stored refresh token is the presented one. */
    readonly rotate: (rotation: {
      readonly id: SessionId
      readonly generation: number
      readonly refreshTokenHash: Uint8Array
      readonly nextRefreshTokenHash: Uint8Array
      readonly now: DateTime.Utc
      readonly lifetimeSeconds: number
      readonly maxSeconds: number
    }) => Query<Option.Option<TokenState>>
    readonly refreshState: (
      id: SessionId,
      presentedHash: Uint8Array,
      now: DateTime.Utc
    ) => Query<Option.Option<RefreshState>>
    /** The live sessions of the user, the newest first. Idle ones of the console have ended. */
    readonly page: (userId: UserId, request: PageRequest, now: DateTime.Utc) => Query<Page<Session>>
    /** The device name given at login, or the empty text. */
    readonly deviceName: (id: SessionId) => Query<string>
    /** Ends the selected live sessions of the user and returns their ids. */
    readonly end: (
      userId: UserId,
      filter: SessionFilter,
      reason: RevocationReason,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<SessionId>>
    /** Updates `last_seen_at` unless it was updated within the last minute. */
    readonly touch: (ids: ReadonlyArray<SessionId>, now: DateTime.Utc) => Query<void>
  }
>()("@user-service/core/sessions/SessionsRepo") {
  static readonly layer = Layer.effect(
    SessionsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const tokenState = sql.literal(
        `s.id, s.user_id as "userId", s.generation, s.refreshed_at as "refreshedAt", s.expires_at as "expiresAt"`
      )

      const sinceCutoff = isSinceCutoff(sql, "s")
      const liveOf = (userId: UserId, now: DateTime.Utc) => sql`
        s.user_id = ${userId} and s.revoked_at is null and s.expires_at > ${DateTime.toDate(now)} and ${sinceCutoff}`

      const filterCondition = (userId: UserId, filter: SessionFilter, now: DateTime.Utc) => {
        if (filter === "all") return sql``
        if ("beyond" in filter) {
          return sql`and id in (
            select id from sessions s where ${liveOf(userId, now)}
            order by id = ${filter.keep} desc, last_seen_at desc, id desc offset ${filter.beyond})`
        }
        return "allBut" in filter ? sql`and id <> ${filter.allBut}` : sql`and id = any(${filter}::uuid[])`
      }

      return {
        insert: Effect.fnUntraced(function* ({ deviceName, expiresAt, id, isConsole, now, refreshTokenHash, userId }) {
          const origin = yield* CurrentOrigin
          const at = DateTime.toDate(now)
          return yield* onlyRow(TokenStateRow)(sql`
            insert into sessions as s (id, user_id, device_name, user_agent, ip, generation, refresh_token_hash,
              created_at, refreshed_at, last_seen_at, expires_at, is_console)
            values (${id}, ${userId}, ${deviceName}, ${origin.userAgent}, ${origin.ip}, 1, ${refreshTokenHash},
              ${at}, ${at}, ${at}, ${DateTime.toDate(expiresAt)}, ${isConsole})
            returning ${tokenState}`)
        }),

        rotate: ({ generation, id, lifetimeSeconds, maxSeconds, nextRefreshTokenHash, now, refreshTokenHash }) =>
          firstRow(TokenStateRow)(sql`
            update sessions s set
              generation = s.generation + 1,
              previous_refresh_token_hash = s.refresh_token_hash,
              refresh_token_hash = ${nextRefreshTokenHash},
              refreshed_at = ${DateTime.toDate(now)},
              last_seen_at = case when s.last_seen_at < ${DateTime.toDate(now)}::timestamptz - interval '1 minute'
                then ${DateTime.toDate(now)} else s.last_seen_at end,
              expires_at = least(
                ${DateTime.toDate(now)}::timestamptz + make_interval(secs => ${lifetimeSeconds}),
                s.created_at + make_interval(secs => ${maxSeconds}))
            from users u
            where s.id = ${id} and u.id = s.user_id and u.is_active
              and s.generation = ${generation} and s.refresh_token_hash = ${refreshTokenHash}
              and s.revoked_at is null and s.expires_at > ${DateTime.toDate(now)} and ${sinceCutoff}
            returning ${tokenState}`),

        refreshState: (id, presentedHash, now) =>
          firstRow(RefreshStateRow)(sql`
            select ${tokenState},
              s.revoked_at is null and s.expires_at > ${DateTime.toDate(now)} and ${sinceCutoff} and u.is_active as live,
              s.refresh_token_hash = ${presentedHash} as "isCurrent",
              coalesce(s.previous_refresh_token_hash = ${presentedHash}, false) as "isPrevious"
            from sessions s join users u on u.id = s.user_id
            where s.id = ${id}`),

        page: Effect.fnUntraced(function* (userId, request, now) {
          const live = sql`${liveOf(userId, now)} and not ${isIdle(sql, "s", now)}`
          const [items, { total }] = yield* Effect.all(
            [
              rows(SessionRow)(sql`
                select id, device_name as "deviceName", user_agent as "userAgent", ip, created_at as "createdAt",
                  last_seen_at as "lastSeenAt", expires_at as "expiresAt"
                from sessions s where ${live}
                order by created_at desc, id desc limit ${request.limit} offset ${offset(request)}`),
              onlyRow(CountRow)(sql`select count(*)::int as total from sessions s where ${live}`)
            ],
            { concurrency: 2 }
          )
          return { items: items.map((row) => new Session(row, { disableChecks: true })), total }
        }),

        deviceName: (id) =>
          Effect.map(
            firstRow(DeviceRow)(sql`
              select device_name as "deviceName" from sessions where id = ${id}`),
            (found) => Option.match(found, { onNone: () => "", onSome: (row) => row.deviceName })
          ),

        end: (userId, filter, reason, now) =>
          Effect.map(
            rows(EndedRow)(sql`
              update sessions s set revoked_at = ${DateTime.toDate(now)}, revoked_reason = ${reason}
              where ${liveOf(userId, now)}
                ${filterCondition(userId, filter, now)}
              returning id`),
            (ended) => ended.map((row) => row.id)
          ),

        touch: (ids, now) =>
          // Skips locked rows, because two such statements could deadlock.
          Effect.asVoid(sql`
            update sessions set last_seen_at = ${DateTime.toDate(now)}
            where id in (
              select id from sessions
              where id = any(${ids}::uuid[]) and revoked_at is null
                and last_seen_at < ${DateTime.toDate(now)}::timestamptz - interval '1 minute'
              for no key update skip locked)`)
      }
    })
  )
}
