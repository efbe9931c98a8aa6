// The fast path of `PushTokens.register`: most registrations in one statement, where the transaction of `Registrations`
// takes three round trips (decision 0015). The test "comes in one statement to what it does in a transaction"
// (test/push-tokens/PushTokens.test.ts) runs the same random registrations on both paths and compares the results.
import { PushTokenAdded, PushTokenRemoved } from "@user-service/domain/DomainEvent"
import type { PushTokenId, PushTokenPatch } from "@user-service/domain/PushToken"
import { DateTime } from "effect"
import type { SqlClient } from "effect/sql"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { eventJson } from "../changes/EventJson.ts"
import {
  fieldColumns,
  secretTokenColumns,
  isAlive,
  isTarget,
  registrationColumns,
  tokenColumns
} from "./PushTokenFragments.ts"
import { RegisteredRow, type RegistrationValues } from "./PushTokenRows.ts"

/** A registration of an active token, and the id of the row if a row is inserted. */
export interface StatementRegistration extends RegistrationValues {
  readonly id: PushTokenId
  readonly fields: Omit<PushTokenPatch, "isActive">
  /** The maximal number of the user's active tokens. */
  readonly maxActive: number
}

/**
 * Registers a live token that only this user has, or a token that no user has for a device without a token. The change
 * does not apply to other registrations, nor if the session has ended, nor if another transaction changed the user while
 * the statement waited for the lock.
 */
export const makeRegisterStatement = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(tokenColumns)
  const secretColumns = sql.literal(secretTokenColumns)
  const tokenId = sql.literal("id")
  const platform = sql.literal("platform")
  const evictedEvent = eventJson(sql, PushTokenRemoved, {
    userId: sql.literal('"userId"'),
    tokenId,
    token: sql.literal("token"),
    platform,
    reason: sql.literal("'evicted'")
  })

  return ({
    fields,
    id,
    maxActive,
    now,
    owner,
    token
  }: StatementRegistration): StatementChange<typeof RegisteredRow.Type> => {
    const target = {
      userId: owner.userId,
      platform: token.platform,
      tokenHashes: [token.tokenHash],
      deviceId: fields.deviceId ?? null
    }
    const at = DateTime.toDate(now)
    const addedEvent = eventJson(sql, PushTokenAdded, {
      userId: sql`${owner.userId}::uuid`,
      tokenId,
      token: sql`${token.token}::text`,
      platform
    })
    return {
      changed: sql`
        unchanged_user as (
          select locked.id from locked join users u on u.id = locked.id and u.version + 1 = locked.version
          where ${isAlive(sql, owner, now)}
        ), found as (
          select id, user_id, is_active, token_sha256 = ${token.tokenHash} as is_same_token from push_tokens
          where ${isTarget(sql, target)}
        ), known as (
          update push_tokens set ${sql.update({ ...fieldColumns(fields), ...registrationColumns(owner, token, now) })}
          where id = (
            select found.id from found join unchanged_user on unchanged_user.id = found.user_id
            where found.is_same_token and found.is_active and (select count(*) from found) = 1
          ) returning ${columns}
        ), added as (
          insert into push_tokens (
            id, user_id, session_id, token, token_sha256, platform, token_type, device_id, device_name,
            last_used_at, created_at, updated_at
          )
          select ${id}, id, ${owner.sessionId}, ${token.token}, ${token.tokenHash}, ${token.platform},
            ${fields.tokenType ?? "fcm"}, ${fields.deviceId ?? ""}, ${fields.deviceName ?? ""}, ${at}, ${at}, ${at}
          from unchanged_user where not exists (select from found)
          on conflict (token_sha256) do nothing returning ${columns}
        ), evicted as (
          delete from push_tokens where exists (select from added) and id in (
            select id from push_tokens where user_id = ${owner.userId} and is_active
            order by last_used_at desc, id desc offset ${maxActive - 1}
          ) returning ${secretColumns}
        ), changed as (select *, false as "isNew" from known union all select *, true from added)`,
      row: RegisteredRow,
      events: sql`
        select ${addedEvent} from added
        union all
        select ${evictedEvent} from evicted`,
      action: "push_token.registered",
      actor: owner.userId,
      details: sql`jsonb_build_object('tokenId', changed.id)`,
      stale: () => []
    }
  }
}
