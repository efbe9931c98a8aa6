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
          // With `offset 0` the tokens of each user are looked up by an index. The planner otherwise reads all inactive tokens if
          // it expects few.
          Effect.asVoid(sql`
            delete from push_tokens where id = any(array(
              select id from (
                select tokens.id, row_number() over (
                  partition by tokens.user_id order by updated_at desc, last_used_at desc, tokens.id desc
                ) as place
                from unnest(${userIds}::uuid[]) as owner (id)
                cross join lateral (select * from push_tokens where user_id = owner.id offset 0) as tokens
                where not is_active
              ) inactive where place > ${maxTokens}))`)
      }
    })
  )
}
