import { PreferenceSource } from "@user-service/domain/PreferenceHistory"
import type { switches } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer, type Option, Schema, String } from "effect"
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

const SwitchRow = Schema.Struct({
  language: Columns.language,
  version: Schema.Int,
  isOn: Schema.Boolean,
  /** Through what the switch was switched off. Null if it is on, or was never changed. */
  source: Schema.NullOr(PreferenceSource)
})

/** One switch of a user. */
export type SwitchRow = typeof SwitchRow.Type

/** The name of a switch. */
export type SwitchName = (typeof switches)[number]

/** Reads the users that links name. */
export class UnsubscriptionsRepo extends Context.Service<
  UnsubscriptionsRepo,
  {
    readonly find: (userId: UserId) => Query<Option.Option<LinkedUserRow>>
    /** One switch and its newest change, both as of `version`. */
    readonly findSwitch: (userId: UserId, name: SwitchName) => Query<Option.Option<SwitchRow>>
  }
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
            where u.id = ${userId}`),

        findSwitch: (userId, name) => {
          const column = sql.literal(`n.${String.camelToSnake(name)}`)
          return firstRow(SwitchRow)(sql`
            select p.language, n.version::int as version, ${column} as "isOn", case when not ${column} then (
              select h.source from preference_history h
              where h.user_id = n.user_id and h.changes -> ${name}::text is not null
              order by h.version desc limit 1
            ) end as source
            from notification_preferences n join profiles p on p.user_id = n.user_id
            where n.user_id = ${userId}`)
        }
      }
    })
  )
}
