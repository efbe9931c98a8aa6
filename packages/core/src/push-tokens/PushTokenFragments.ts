import type { Platform, PushTokenPatch } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { DateTime } from "effect"
import type { SqlClient } from "effect/sql"
import { isSinceCutoff } from "../SessionCutoff.ts"
import type { PushTokenOwner, StoredToken } from "./PushTokenRows.ts"

/** The columns of a `PushTokenRow`. */
export const tokenColumns = `id, platform, token_type as "tokenType", device_id as "deviceId", device_name as "deviceName",
  is_active as "isActive", last_used_at as "lastUsedAt", created_at as "createdAt", updated_at as "updatedAt"`

/** The columns of a `SecretTokenRow`. */
export const secretTokenColumns = `id, user_id as "userId", token, token_type as "tokenType", platform, is_active as "isActive"`

/** The columns of the fields that the patch has. */
export const fieldColumns = (fields: PushTokenPatch) => ({
  ...(fields.tokenType === undefined ? {} : { token_type: fields.tokenType }),
  ...(fields.deviceId === undefined ? {} : { device_id: fields.deviceId }),
  ...(fields.deviceName === undefined ? {} : { device_name: fields.deviceName }),
  ...(fields.isActive === undefined ? {} : { is_active: fields.isActive })
})

/** The columns that every registration sets: the owner, the token and the time. */
export const registrationColumns = (owner: PushTokenOwner, token: StoredToken, now: DateTime.Utc) => ({
  user_id: owner.userId,
  session_id: owner.sessionId,
  token: token.token,
  token_sha256: token.tokenHash,
  platform: token.platform,
  last_used_at: DateTime.toDate(now),
  updated_at: DateTime.toDate(now)
})

/** A condition: the session of the owner is alive and the owner is active. */
export const isAlive = (sql: SqlClient.SqlClient, { sessionId, userId }: PushTokenOwner, now: DateTime.Utc) => sql`
  exists (
    select 1 from sessions s join users u on u.id = s.user_id
    where s.id = ${sessionId} and s.user_id = ${userId} and s.revoked_at is null
      and s.expires_at > ${DateTime.toDate(now)} and ${isSinceCutoff(sql, "s")} and u.is_active
  )`

/**
 * A condition: the row has the token in one of its spellings. Most tokens have one spelling, for which a comparison with
 * `=` has a cheaper plan than `in`.
 */
export const isToken = (sql: SqlClient.SqlClient, tokenHashes: ReadonlyArray<Uint8Array>) =>
  tokenHashes.length === 1 ? sql`token_sha256 = ${tokenHashes[0]}` : sql`token_sha256 in ${sql.in(tokenHashes)}`

/** Selects the rows that a registration can affect. */
interface RegistrationTarget {
  readonly userId: UserId
  readonly platform: Platform
  readonly tokenHashes: ReadonlyArray<Uint8Array>
  /** Null for the device with which the token is stored. */
  readonly deviceId: string | null
}

/** A condition: the row has the token, of any user, or is the user's row of the device. */
export const isTarget = (
  sql: SqlClient.SqlClient,
  { deviceId, platform, tokenHashes, userId }: RegistrationTarget
) => sql`
  ${isToken(sql, tokenHashes)}
    or (device_id <> '' and user_id = ${userId} and platform = ${platform} and device_id = coalesce(
      ${deviceId}::text,
      (select device_id from push_tokens where ${isToken(sql, tokenHashes)} and user_id = ${userId}
        order by last_used_at desc limit 1)))`
