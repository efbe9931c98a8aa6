import type { Page, PageRequest } from "@user-service/domain/Page"
import { offset } from "@user-service/domain/Page"
import type { Platform, PushToken, PushTokenId } from "@user-service/domain/PushToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { CountRow, firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import {
  FoundRow,
  heldColumns,
  HeldRow,
  type HeldToken,
  InsertedRow,
  LiveRows,
  type LiveToken,
  type PushTokenOwner,
  type PushTokenFields,
  PushTokenRow,
  RegisteredRow,
  type Respelling,
  type StoredToken,
  toPushToken
} from "./PushTokenRows.ts"

export class PushTokensRepo extends Context.Service<
  PushTokensRepo,
  {
    readonly page: (userId: UserId, request: PageRequest) => Query<Page<PushToken>>
    readonly find: (userId: UserId, id: PushTokenId) => Query<Option.Option<PushToken>>
    /** The user's live tokens, the last used first; none where there is no such user. */
    readonly live: (userId: UserId) => Query<Option.Option<ReadonlyArray<LiveToken>>>
    /**
     * Whether the session lives; the rows that hold this token in any of its spellings, whoever's they are, and the user's
     * row for this device, or for the one the token is on when none is named: none, or several.
     */
    readonly held: (
      owner: PushTokenOwner,
      tokenHashes: ReadonlyArray<Uint8Array>,
      device: { readonly deviceId: string | null; readonly platform: Platform },
      now: DateTime.Utc
    ) => Query<{
      readonly isAlive: boolean
      readonly found: ReadonlyArray<HeldToken & { readonly isSameToken: boolean }>
    }>
    /**
     * Deletes the user's longest unused active tokens for it, that there be no more than `max`. None when another
     * transaction stored the token meanwhile.
     */
    readonly insert: (
      id: PushTokenId,
      owner: PushTokenOwner,
      token: StoredToken,
      fields: PushTokenFields,
      max: number,
      now: DateTime.Utc
    ) => Query<Option.Option<{ readonly token: PushToken; readonly evicted: ReadonlyArray<HeldToken> }>>
    /**
     * Registers a token that is live here and nowhere else, or nowhere yet and on a device that has none: what most
     * registrations are. It does not apply to the others, nor where the session is over, nor where somebody changed the
     * user meanwhile.
     */
    readonly registerStatement: (
      id: PushTokenId,
      owner: PushTokenOwner,
      token: StoredToken,
      fields: Omit<PushTokenFields, "isActive">,
      max: number,
      now: DateTime.Utc
    ) => StatementChange<typeof RegisteredRow.Type>
    /**
     * Puts the token into an existing row and under this owner and session, as if it had been registered there. Violates
     * `push_tokens_token_key` when another transaction stored the token meanwhile.
     */
    readonly rebind: (
      id: PushTokenId,
      owner: PushTokenOwner,
      token: StoredToken,
      fields: PushTokenFields,
      now: DateTime.Utc
    ) => Query<PushToken>
    /** Sets what is named of one of the user's tokens, and the token itself where its type gives it another form. */
    readonly update: (
      userId: UserId,
      id: PushTokenId,
      fields: PushTokenFields & { readonly respelling: Option.Option<Respelling> },
      now: DateTime.Utc
    ) => Query<Option.Option<PushToken>>
    readonly remove: (userId: UserId, ids: ReadonlyArray<PushTokenId>) => Query<ReadonlyArray<HeldToken>>
    /** Deletes the user's active tokens beyond `max`, the longest unused first, never `keep`. */
    readonly evict: (userId: UserId, max: number, keep: PushTokenId) => Query<ReadonlyArray<HeldToken>>
    /** The user's token with its secret, for the event about it. */
    readonly reveal: (userId: UserId, id: PushTokenId) => Query<Option.Option<HeldToken>>
    readonly deactivateAll: (userId: UserId, now: DateTime.Utc) => Query<ReadonlyArray<HeldToken>>
    /** Silences the active tokens bound to the sessions. */
    readonly deactivateOfSessions: (
      sessions: ReadonlyArray<SessionId>,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<HeldToken>>
    /** Binds the tokens of one session to another of the same user. */
    readonly moveSession: (from: SessionId, to: SessionId) => Query<void>
  }
>()("@user-service/core/push-tokens/PushTokensRepo") {
  static readonly layer = Layer.effect(
    PushTokensRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(
        `id, platform, token_type as "tokenType", device_id as "deviceId", device_name as "deviceName",
         is_active as "isActive", last_used_at as "lastUsedAt", created_at as "createdAt", updated_at as "updatedAt"`
      )
      const held = sql.literal(heldColumns)
      const one = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(firstRow(PushTokenRow)(statement), Option.map(toPushToken))

      const assignments = (fields: PushTokenFields) => ({
        ...(fields.tokenType === undefined ? {} : { token_type: fields.tokenType }),
        ...(fields.deviceId === undefined ? {} : { device_id: fields.deviceId }),
        ...(fields.deviceName === undefined ? {} : { device_name: fields.deviceName }),
        ...(fields.isActive === undefined ? {} : { is_active: fields.isActive })
      })

      const bound = (owner: PushTokenOwner, token: StoredToken, now: DateTime.Utc) => ({
        user_id: owner.userId,
        session_id: owner.sessionId,
        token: token.token,
        token_sha256: token.tokenHash,
        platform: token.platform,
        last_used_at: DateTime.toDate(now),
        updated_at: DateTime.toDate(now)
      })

      const isAlive = ({ sessionId, userId }: PushTokenOwner, now: DateTime.Utc) => sql`
        exists (
          select 1 from sessions s join users u on u.id = s.user_id
          where s.id = ${sessionId} and s.user_id = ${userId} and s.revoked_at is null
            and s.expires_at > ${DateTime.toDate(now)} and u.is_active
        )`

      // Most tokens have one spelling, and a comparison with one value has the cheaper plan.
      const isToken = (tokenHashes: ReadonlyArray<Uint8Array>) =>
        tokenHashes.length === 1 ? sql`token_sha256 = ${tokenHashes[0]}` : sql`token_sha256 in ${sql.in(tokenHashes)}`

      // The rows of the token, whoever's they are, and the user's row of the device: the one that is named, or that it is on.
      const isFound = (
        userId: UserId,
        platform: Platform,
        tokenHashes: ReadonlyArray<Uint8Array>,
        deviceId: string | null
      ) => sql`
        ${isToken(tokenHashes)}
          or (device_id <> '' and user_id = ${userId} and platform = ${platform} and device_id = coalesce(
            ${deviceId}::text,
            (select device_id from push_tokens where ${isToken(tokenHashes)} and user_id = ${userId}
              order by last_used_at desc limit 1)))`

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
                from push_tokens where user_id = u.id and is_active
              ) as tokens from users u where u.id = ${userId}`),
            Option.map(({ tokens }) => tokens)
          ),

        held: (owner, tokenHashes, { deviceId, platform }, now) =>
          onlyRow(FoundRow)(sql`
            with found as (
              select ${held}, ${isToken(tokenHashes)} as "isSameToken" from push_tokens
              where ${isFound(owner.userId, platform, tokenHashes, deviceId)}
              order by last_used_at desc, id desc
            )
            select (select coalesce(jsonb_agg(found), '[]') from found) as found, ${isAlive(owner, now)} as "isAlive"`),

        // What makes room does not see the row that it makes room for.
        insert: (id, owner, token, fields, max, now) =>
          Effect.map(
            firstRow(InsertedRow)(sql`
              with evicted as (
                delete from push_tokens where id in (
                  select id from push_tokens where user_id = ${owner.userId} and is_active
                  order by last_used_at desc, id desc offset ${fields.isActive === false ? max : max - 1}
                ) returning ${held}
              ), inserted as (
                insert into push_tokens ${sql.insert({
                  id,
                  ...bound(owner, token, now),
                  token_type: fields.tokenType ?? "fcm",
                  device_id: fields.deviceId ?? "",
                  device_name: fields.deviceName ?? "",
                  is_active: fields.isActive ?? true,
                  created_at: DateTime.toDate(now)
                })} on conflict (token_sha256) do nothing returning ${columns}
              )
              select inserted.*, (select coalesce(jsonb_agg(evicted), '[]') from evicted) as evicted from inserted`),
            Option.map(({ evicted, ...row }) => ({ token: toPushToken(row), evicted }))
          ),

        registerStatement: (id, owner, token, fields, max, now) => ({
          changed: sql`
              standing as (
                select locked.id from locked join users u on u.id = locked.id and u.version + 1 = locked.version
                where ${isAlive(owner, now)}
              ), found as (
                select id, user_id, is_active, token_sha256 = ${token.tokenHash} as is_same_token from push_tokens
                where ${isFound(owner.userId, token.platform, [token.tokenHash], fields.deviceId ?? null)}
              ), known as (
                update push_tokens set ${sql.update({ ...assignments(fields), ...bound(owner, token, now) })}
                where id = (
                  select found.id from found join standing on standing.id = found.user_id
                  where found.is_same_token and found.is_active and (select count(*) from found) = 1
                ) returning ${columns}
              ), added as (
                insert into push_tokens (
                  id, user_id, session_id, token, token_sha256, platform, token_type, device_id, device_name,
                  last_used_at, created_at, updated_at
                )
                select ${id}, id, ${owner.sessionId}, ${token.token}, ${token.tokenHash}, ${token.platform},
                  ${fields.tokenType ?? "fcm"}, ${fields.deviceId ?? ""}, ${fields.deviceName ?? ""},
                  ${DateTime.toDate(now)}, ${DateTime.toDate(now)}, ${DateTime.toDate(now)}
                from standing where not exists (select from found)
                on conflict (token_sha256) do nothing returning ${columns}
              ), evicted as (
                delete from push_tokens where exists (select from added) and id in (
                  select id from push_tokens where user_id = ${owner.userId} and is_active
                  order by last_used_at desc, id desc offset ${max - 1}
                ) returning ${held}
              ), changed as (select *, false as "isNew" from known union all select *, true from added)`,
          row: RegisteredRow,
          events: sql`
              select jsonb_build_object(
                '_tag', 'PushTokenAdded', 'userId', ${owner.userId}::uuid, 'tokenId', id, 'token', ${token.token}::text,
                'platform', platform
              ) from added
              union all
              select jsonb_build_object(
                '_tag', 'PushTokenRemoved', 'userId', "userId", 'tokenId', id, 'token', token, 'platform', platform,
                'reason', 'evicted'
              ) from evicted`,
          action: "push_token.registered",
          details: sql`jsonb_build_object('tokenId', changed.id)`
        }),

        rebind: (id, owner, token, fields, now) =>
          Effect.map(
            onlyRow(PushTokenRow)(sql`
              update push_tokens
              set ${sql.update({ ...assignments({ isActive: true, ...fields }), ...bound(owner, token, now) })}
              where id = ${id} returning ${columns}`),
            toPushToken
          ),

        update: (userId, id, { respelling, ...fields }, now) =>
          one(sql`
            update push_tokens set ${sql.update({
              ...assignments(fields),
              ...Option.match(respelling, {
                onNone: () => ({}),
                onSome: ({ token, tokenHash }) => ({ token, token_sha256: tokenHash })
              }),
              updated_at: DateTime.toDate(now)
            })}
            where id = ${id} and user_id = ${userId} returning ${columns}`),

        remove: (userId, ids) =>
          rows(HeldRow)(sql`
            delete from push_tokens where user_id = ${userId} and id = any(${ids}::uuid[]) returning ${held}`),

        evict: (userId, max, keep) =>
          rows(HeldRow)(sql`
            delete from push_tokens where id in (
              select id from push_tokens where user_id = ${userId} and is_active
              order by id = ${keep} desc, last_used_at desc, id desc offset ${max}
            ) returning ${held}`),

        reveal: (userId, id) =>
          firstRow(HeldRow)(sql`select ${held} from push_tokens where id = ${id} and user_id = ${userId}`),

        deactivateAll: (userId, now) =>
          rows(HeldRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where user_id = ${userId} and is_active returning ${held}`),

        deactivateOfSessions: (sessions, now) =>
          rows(HeldRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where session_id = any(${sessions}::uuid[]) and is_active returning ${held}`),

        moveSession: (from, to) =>
          Effect.asVoid(sql`update push_tokens set session_id = ${to} where session_id = ${from}`)
      }
    })
  )
}
