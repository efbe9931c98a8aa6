// The stored outcomes of requests with an `Idempotency-Key` (decision 0029).
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow, type Query } from "../Rows.ts"

/** A request with an idempotency key. Key and body are keyed hashes. */
export interface IdempotentRequest {
  /** The operation to which the key is limited. */
  readonly route: string
  readonly keyHash: Uint8Array
  readonly bodyHash: Uint8Array
}

const StoredOutcomeRow = Schema.Struct({
  userId: Columns.userId,
  /** The earlier request had the same body. */
  isSameBody: Schema.Boolean
})
/** The outcome of an earlier request with the same key. */
export type StoredOutcome = typeof StoredOutcomeRow.Type

// After that time a key is free again.
const lifetime = { hours: 24 }

export class IdempotencyKeysRepo extends Context.Service<
  IdempotencyKeysRepo,
  {
    /** The outcome of an earlier request with this key, of the last 24 hours. */
    readonly find: (request: IdempotentRequest, now: DateTime.Utc) => Query<Option.Option<StoredOutcome>>
    /**
     * Stores the outcome of the request: the user that it registered. Waits for another transaction that stores the same key.
     * Returns false if the key has an outcome already.
     */
    readonly insert: (request: IdempotentRequest, userId: UserId, now: DateTime.Utc) => Query<boolean>
    /** Whether the user is active and still has the password that the request set. */
    readonly isCurrent: (request: IdempotentRequest, userId: UserId) => Query<boolean>
  }
>()("@user-service/core/accounts/IdempotencyKeysRepo") {
  static readonly layer = Layer.effect(
    IdempotencyKeysRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const hasRow = (statement: Query<ReadonlyArray<unknown>>) => Effect.map(statement, (found) => found.length === 1)
      const expiredBefore = (now: DateTime.Utc) => DateTime.toDate(DateTime.subtract(now, lifetime))
      const fingerprint = sql.literal("sha256(convert_to(u.password_hash, 'UTF8'))")

      return {
        find: ({ bodyHash, keyHash, route }, now) =>
          firstRow(StoredOutcomeRow)(sql`
            select user_id as "userId", body_hash = ${bodyHash} as "isSameBody" from idempotency_keys
            where route = ${route} and key_hash = ${keyHash} and created_at > ${expiredBefore(now)}`),

        insert: ({ bodyHash, keyHash, route }, userId, now) =>
          hasRow(sql`
            insert into idempotency_keys as k (route, key_hash, body_hash, user_id, password_fingerprint, created_at)
            select ${route}, ${keyHash}, ${bodyHash}, u.id, ${fingerprint}, ${DateTime.toDate(now)}
            from users u where u.id = ${userId}
            on conflict (route, key_hash) do update set body_hash = excluded.body_hash, user_id = excluded.user_id,
              password_fingerprint = excluded.password_fingerprint, created_at = excluded.created_at
            where k.created_at <= ${expiredBefore(now)}
            returning 1`),

        isCurrent: ({ keyHash, route }, userId) =>
          hasRow(sql`
            select 1 from idempotency_keys k join users u on u.id = k.user_id
            where k.route = ${route} and k.key_hash = ${keyHash} and u.id = ${userId} and u.is_active
              and k.password_fingerprint = ${fingerprint}`)
      }
    })
  )
}
