import type { Page, PageRequest } from "@user-service/domain/Page"
import { offset } from "@user-service/domain/Page"
import type { PushToken, PushTokenId, PushTokenPatch } from "@user-service/domain/PushToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { CountRow, firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import { isNotSilenced } from "../SessionCutoff.ts"
import { fieldColumns, secretTokenColumns, tokenColumns } from "./PushTokenFragments.ts"
import {
  SecretTokenRow,
  type SecretToken,
  LiveRows,
  type LiveToken,
  PushTokenRow,
  type Respelling,
  toPushToken
} from "./PushTokenRows.ts"

/** The statements on stored push tokens. Those that register tokens are in `RegistrationsRepo`. */
export class PushTokensRepo extends Context.Service<
  PushTokensRepo,
  {
    readonly page: (userId: UserId, request: PageRequest) => Query<Page<PushToken>>
    readonly find: (userId: UserId, id: PushTokenId) => Query<Option.Option<PushToken>>
    /** The user's live tokens, the most recently used first. None if the user does not exist. */
    readonly live: (userId: UserId) => Query<Option.Option<ReadonlyArray<LiveToken>>>
    /** Applies the patch to one of the user's tokens, and replaces its text by the respelling, if any. */
    readonly update: (change: {
      readonly userId: UserId
      readonly id: PushTokenId
      readonly fields: PushTokenPatch
      readonly respelling: Option.Option<Respelling>
      readonly now: DateTime.Utc
    }) => Query<Option.Option<PushToken>>
    readonly remove: (userId: UserId, ids: ReadonlyArray<PushTokenId>) => Query<ReadonlyArray<SecretToken>>
    /** The user's token with its secret text, for an event. */
    readonly reveal: (userId: UserId, id: PushTokenId) => Query<Option.Option<SecretToken>>
    readonly deactivateAll: (userId: UserId, now: DateTime.Utc) => Query<ReadonlyArray<SecretToken>>
    /** Deactivates the active tokens of the sessions. */
    readonly deactivateOfSessions: (
      sessions: ReadonlyArray<SessionId>,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<SecretToken>>
    /** Moves the tokens of one session to another session of the same user. */
    readonly moveSession: (from: SessionId, to: SessionId) => Query<void>
  }
>()("@user-service/core/push-tokens/PushTokensRepo") {
  static readonly layer = Layer.effect(
    PushTokensRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(tokenColumns)
      const secretColumns = sql.literal(secretTokenColumns)
      const one = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(firstRow(PushTokenRow)(statement), Option.map(toPushToken))

      return {
        page: Effect.fnUntraced(function* (userId, request) {
          const [items, { total }] = yield* Effect.all(
            [
              rows(PushTokenRow)(sql`
                select ${columns} from push_tokens where user_id = ${userId}
                order by created_at desc, id desc limit ${request.limit} offset ${offset(request)}`),
              onlyRow(CountRow)(sql`select count(*)::int as total from push_tokens where user_id = ${userId}`)
            ],
            { concurrency: 2 }
          )
          return { items: items.map(toPushToken), total }
        }),

        find: (userId, id) => one(sql`select ${columns} from push_tokens where id = ${id} and user_id = ${userId}`),

        live: (userId) =>
          Effect.map(
            firstRow(LiveRows)(sql`
              select (
                select coalesce(
                  jsonb_agg(
                    jsonb_build_object('id', id, 'token', token, 'platform', platform, 'tokenType', token_type)
                    order by last_used_at desc, id desc
                  ), '[]')
                from push_tokens t where user_id = u.id and is_active and ${isNotSilenced(sql, "t")}
              ) as tokens from users u where u.id = ${userId}`),
            Option.map(({ tokens }) => tokens)
          ),

        update: ({ fields, id, now, respelling, userId }) =>
          one(sql`
            update push_tokens set ${sql.update({
              ...fieldColumns(fields),
              ...Option.match(respelling, {
                onNone: () => ({}),
                onSome: ({ token, tokenHash }) => ({ token, token_sha256: tokenHash })
              }),
              updated_at: DateTime.toDate(now)
            })}
            where id = ${id} and user_id = ${userId} returning ${columns}`),

        remove: (userId, ids) =>
          rows(SecretTokenRow)(sql`
            delete from push_tokens where user_id = ${userId} and id = any(${ids}::uuid[]) returning ${secretColumns}`),

        reveal: (userId, id) =>
          firstRow(SecretTokenRow)(
            sql`select ${secretColumns} from push_tokens where id = ${id} and user_id = ${userId}`
          ),

        deactivateAll: (userId, now) =>
          rows(SecretTokenRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where user_id = ${userId} and is_active returning ${secretColumns}`),

        deactivateOfSessions: (sessions, now) =>
          rows(SecretTokenRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where session_id = any(${sessions}::uuid[]) and is_active returning ${secretColumns}`),

        moveSession: (from, to) =>
          Effect.asVoid(sql`update push_tokens set session_id = ${to} where session_id = ${from}`)
      }
    })
  )
}
