import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { preferencesColumns, PreferencesRow } from "../preferences/PreferencesRepo.ts"
import { firstRow, type Query } from "../Rows.ts"

const LinkedUserRow = Schema.Struct({
  ...PreferencesRow.fields,
  email: Columns.email,
  language: Columns.language,
  timezone: Columns.timeZone
})

/** The preferences of a user, with the facts that pages behind links show. */
export type LinkedUserRow = typeof LinkedUserRow.Type

/** Reads the users that links name. */
export class UnsubscriptionsRepo extends Context.Service<
  UnsubscriptionsRepo,
  { readonly find: (userId: UserId) => Query<Option.Option<LinkedUserRow>> }
>()("@user-service/core/unsubscribe/UnsubscriptionsRepo") {
  static readonly layer = Layer.effect(
    UnsubscriptionsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(preferencesColumns("n"))
      return {
        find: (userId) =>
          firstRow(LinkedUserRow)(sql`
            select ${columns}, u.email, p.language, p.timezone
            from users u
            join profiles p on p.user_id = u.id
            join notification_preferences n on n.user_id = u.id
            where u.id = ${userId}`)
      }
    })
  )
}
