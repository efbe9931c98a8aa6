import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Query, rows } from "../Rows.ts"
import { secretTokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { SecretTokenRow, type SecretToken, OwnerRow } from "../push-tokens/PushTokenRows.ts"

/** The cutoffs for the time when a device was last seen. */
export interface StalenessCutoffs {
  /** Tokens of devices last seen before are deactivated. */
  readonly stale: DateTime.Utc
  /** Tokens of devices last seen before are deleted. */
  readonly gone: DateTime.Utc
}

export class StalePushTokensRepo extends Context.Service<
  StalePushTokensRepo,
  {
    /** The owners of at most `limit` expired tokens, one entry per token. Fewer than `limit` entries mean that none is left. */
    readonly owners: (cutoffs: StalenessCutoffs, limit: number) => Query<ReadonlyArray<UserId>>
    /** Deletes the user's tokens before `gone` and returns them as they were. */
    readonly remove: (userId: UserId, cutoffs: StalenessCutoffs) => Query<ReadonlyArray<SecretToken>>
    /** Deactivates the user's active tokens before `stale`. */
    readonly deactivate: (
      userId: UserId,
      cutoffs: StalenessCutoffs,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<SecretToken>>
  }
>()("@user-service/core/retention/StalePushTokensRepo") {
  static readonly layer = Layer.effect(
    StalePushTokensRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const secretColumns = sql.literal(secretTokenColumns)
      // A stale token that its owner reactivates becomes stale again only after its device was seen again.
      const isStale = (cutoffs: StalenessCutoffs) =>
        sql`is_active and last_used_at < ${DateTime.toDate(cutoffs.stale)}
          and (stale_at is null or stale_at < last_used_at)`
      const isGone = (cutoffs: StalenessCutoffs) => sql`last_used_at < ${DateTime.toDate(cutoffs.gone)}`

      return {
        owners: (cutoffs, limit) =>
          Effect.map(
            rows(OwnerRow)(sql`
              (select user_id as "userId" from push_tokens where ${isStale(cutoffs)}
                order by last_used_at limit ${limit})
              union all
              (select user_id from push_tokens where is_active and ${isGone(cutoffs)}
                order by last_used_at limit ${limit})
              union all
              (select user_id from push_tokens where not is_active and ${isGone(cutoffs)}
                order by last_used_at limit ${limit})
              limit ${limit}`),
            (found) => found.map(({ userId }) => userId)
          ),

        remove: (userId, cutoffs) =>
          rows(SecretTokenRow)(sql`
            delete from push_tokens where user_id = ${userId} and ${isGone(cutoffs)} returning ${secretColumns}`),

        deactivate: (userId, cutoffs, now) =>
          rows(SecretTokenRow)(sql`
            update push_tokens set is_active = false, stale_at = ${DateTime.toDate(now)},
              updated_at = ${DateTime.toDate(now)}
            where user_id = ${userId} and ${isStale(cutoffs)} returning ${secretColumns}`)
      }
    })
  )
}
