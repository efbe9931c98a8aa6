import type { Platform, PushToken, PushTokenId } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import {
  fieldColumns,
  secretTokenColumns,
  isAlive,
  isTarget,
  isToken,
  registrationColumns,
  tokenColumns
} from "./PushTokenFragments.ts"
import {
  TargetsRow,
  SecretTokenRow,
  type SecretToken,
  InsertedRow,
  type PushTokenOwner,
  PushTokenRow,
  type RegisteredRow,
  type RegistrationValues,
  toPushToken
} from "./PushTokenRows.ts"
import { makeRegisterStatement, type StatementRegistration } from "./RegistrationStatement.ts"

/** The statements that register push tokens. */
export class RegistrationsRepo extends Context.Service<
  RegistrationsRepo,
  {
    /**
     * Whether the session is alive, and the rows that the registration can affect: those with the token in any of its
     * spellings, of any user, and the user's row of the device. If `deviceId` is null, it is the device with which the token
     * is stored.
     */
    readonly findTargets: (registration: {
      readonly owner: PushTokenOwner
      readonly tokenHashes: ReadonlyArray<Uint8Array>
      readonly platform: Platform
      readonly deviceId: string | null
      readonly now: DateTime.Utc
    }) => Query<typeof TargetsRow.Type>
    /**
     * Inserts the token and deletes the user's least recently used active tokens beyond `maxActive`. None if another
     * transaction has stored the token first.
     */
    readonly insert: (
      registration: RegistrationValues & { readonly id: PushTokenId; readonly maxActive: number }
    ) => Query<Option.Option<{ readonly token: PushToken; readonly evicted: ReadonlyArray<SecretToken> }>>
    /** The fast path, for an active token. */
    readonly registerStatement: (registration: StatementRegistration) => StatementChange<typeof RegisteredRow.Type>
    /**
     * Overwrites an existing row with the token, the owner and the session. Violates `push_tokens_token_key` if another
     * transaction has stored the token first.
     */
    readonly rebind: (id: PushTokenId, registration: RegistrationValues) => Query<PushToken>
    /** Deletes the user's active tokens beyond `maxActive`, the least recently used first, never `keep`. */
    readonly evict: (user: {
      readonly userId: UserId
      readonly maxActive: number
      readonly keep: PushTokenId
    }) => Query<ReadonlyArray<SecretToken>>
  }
>()("@user-service/core/push-tokens/RegistrationsRepo") {
  static readonly layer = Layer.effect(
    RegistrationsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(tokenColumns)
      const secretColumns = sql.literal(secretTokenColumns)

      return {
        findTargets: ({ deviceId, now, owner, platform, tokenHashes }) =>
          onlyRow(TargetsRow)(sql`
            with found as (
              select ${secretColumns}, ${isToken(sql, tokenHashes)} as "isSameToken" from push_tokens
              where ${isTarget(sql, { userId: owner.userId, platform, tokenHashes, deviceId })}
              order by last_used_at desc, id desc
            )
            select (select coalesce(jsonb_agg(found), '[]') from found) as found,
              ${isAlive(sql, owner, now)} as "isAlive"`),

        // `evicted` does not see the inserted row, hence `maxActive - 1`.
        insert: ({ fields, id, maxActive, now, owner, token }) =>
          Effect.map(
            firstRow(InsertedRow)(sql`
              with evicted as (
                delete from push_tokens where id in (
                  select id from push_tokens where user_id = ${owner.userId} and is_active
                  order by last_used_at desc, id desc offset ${fields.isActive === false ? maxActive : maxActive - 1}
                ) returning ${secretColumns}
              ), inserted as (
                insert into push_tokens ${sql.insert({
                  id,
                  ...registrationColumns(owner, token, now),
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

        registerStatement: makeRegisterStatement(sql),

        rebind: (id, { fields, now, owner, token }) =>
          Effect.map(
            onlyRow(PushTokenRow)(sql`
              update push_tokens
              set ${sql.update({
                ...fieldColumns({ isActive: true, ...fields }),
                ...registrationColumns(owner, token, now)
              })}
              where id = ${id} returning ${columns}`),
            toPushToken
          ),

        evict: ({ keep, maxActive, userId }) =>
          rows(SecretTokenRow)(sql`
            delete from push_tokens where id in (
              select id from push_tokens where user_id = ${userId} and is_active
              order by id = ${keep} desc, last_used_at desc, id desc offset ${maxActive}
            ) returning ${secretColumns}`)
      }
    })
  )
}
