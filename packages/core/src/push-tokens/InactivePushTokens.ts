import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { PushTokenSettings } from "./PushTokenSettings.ts"

/**
 * Bounds the number of a user's inactive push tokens: otherwise a client could fill the database by registering and
 * deactivating tokens. Each change that deactivates tokens calls `trim` in its transaction.
 */
export class InactivePushTokens extends Context.Service<
  InactivePushTokens,
  {
    /**
     * Deletes the inactive tokens beyond `MAX_PUSH_TOKENS` of each user, the longest inactive first. There are no events,
     * because none of them was live.
     */
    readonly trim: (userIds: ReadonlyArray<UserId>) => Effect.Effect<void, SqlError.SqlError>
  }
>()("@user-service/core/push-tokens/InactivePushTokens") {
  static readonly layer = Layer.effect(
    InactivePushTokens,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { maxTokens } = yield* PushTokenSettings
      return {
        trim: (userIds) =>
          Effect.asVoid(sql`
            delete from push_tokens where id in (
              select id from (
                select id, row_number() over (
                  partition by user_id order by updated_at desc, last_used_at desc, id desc
                ) as place
                from push_tokens where user_id = any(${userIds}::uuid[]) and not is_active
              ) inactive where place > ${maxTokens}
            )`)
      }
    })
  )
}
