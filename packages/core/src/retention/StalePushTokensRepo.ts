import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Query, rows } from "../Rows.ts"
import { heldColumns } from "../push-tokens/PushTokenFragments.ts"
import { HeldRow, type HeldToken, OwnerRow } from "../push-tokens/PushTokenRows.ts"

/** Since when a device was not seen. */
export interface StalenessCutoffs {
  /** For its token to be silenced. */
  readonly stale: DateTime.Utc
  /** For it to be deleted. */
  readonly gone: DateTime.Utc
}

export class StalePushTokensRepo extends Context.Service<
  StalePushTokensRepo,
  {
    /** Whose such tokens are, once for each of them, `limit` at most; where it is fewer, there are no others. */
    readonly owners: (cutoffs: StalenessCutoffs, limit: number) => Query<ReadonlyArray<UserId>>
    /** Deletes the user's tokens that are gone, as they were. */
    readonly remove: (userId: UserId, cutoffs: StalenessCutoffs) => Query<ReadonlyArray<HeldToken>>
    /** Silences the user's live tokens that are stale. */
    readonly silence: (userId: UserId, cutoffs: StalenessCutoffs, now: DateTime.Utc) => Query<ReadonlyArray<HeldToken>>
  }
>()("@user-service/core/retention/StalePushTokensRepo") {
  static readonly layer = Layer.effect(
    StalePushTokensRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const held = sql.literal(heldColumns)
      // Once after each time the device was seen.
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
          rows(HeldRow)(sql`
            delete from push_tokens where user_id = ${userId} and ${isGone(cutoffs)} returning ${held}`),

        silence: (userId, cutoffs, now) =>
          rows(HeldRow)(sql`
            update push_tokens set is_active = false, stale_at = ${DateTime.toDate(now)},
              updated_at = ${DateTime.toDate(now)}
            where user_id = ${userId} and ${isStale(cutoffs)} returning ${held}`)
      }
    })
  )
}
