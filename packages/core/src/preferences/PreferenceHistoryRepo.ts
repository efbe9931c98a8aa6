import { offset, type Page, type PageRequest } from "@user-service/domain/Page"
import { PreferenceChange, PreferenceSource, SettingChanges } from "@user-service/domain/PreferenceHistory"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CountRow, firstRow, onlyRow, type Query, rows } from "../Rows.ts"

const ChangeRow = Schema.Struct({
  at: Columns.time,
  source: PreferenceSource,
  actor: Schema.NullOr(Columns.userId),
  version: Schema.Int,
  changes: SettingChanges
})

const toChange = (row: typeof ChangeRow.Type): PreferenceChange => new PreferenceChange(row, { disableChecks: true })

/** Reads the history of preferences. `PreferencesRepo` writes it, in the statement of each change. */
export class PreferenceHistoryRepo extends Context.Service<
  PreferenceHistoryRepo,
  {
    /** The newest first. */
    readonly page: (userId: UserId, request: PageRequest) => Query<Page<PreferenceChange>>
    /** At most `limit` changes to versions below `version`, the newest first. */
    readonly before: (userId: UserId, version: number, limit: number) => Query<ReadonlyArray<PreferenceChange>>
    /** At most `limit` changes to versions above `version`, the newest first. */
    readonly after: (userId: UserId, version: number, limit: number) => Query<ReadonlyArray<PreferenceChange>>
    /** The last change of the setting, by its domain name, up to the version. */
    readonly lastOf: (userId: UserId, setting: string, version: number) => Query<Option.Option<PreferenceChange>>
  }
>()("@user-service/core/preferences/PreferenceHistoryRepo") {
  static readonly layer = Layer.effect(
    PreferenceHistoryRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(`created_at as at, source, actor_id as actor, version::int as version, changes`)

      return {
        page: Effect.fnUntraced(function* (userId, request) {
          const [items, { total }] = yield* Effect.all(
            [
              rows(ChangeRow)(sql`
                select ${columns} from preference_history where user_id = ${userId}
                order by version desc limit ${request.limit} offset ${offset(request)}`),
              onlyRow(CountRow)(sql`
                select count(*)::int as total from preference_history where user_id = ${userId}`)
            ],
            { concurrency: 2 }
          )
          return { items: items.map(toChange), total }
        }),

        before: (userId, version, limit) =>
          Effect.map(
            rows(ChangeRow)(sql`
              select ${columns} from preference_history where user_id = ${userId} and version < ${version}
              order by version desc limit ${limit}`),
            (found) => found.map(toChange)
          ),

        after: (userId, version, limit) =>
          Effect.map(
            rows(ChangeRow)(sql`
              select ${columns} from preference_history where user_id = ${userId} and version > ${version}
              order by version desc limit ${limit}`),
            (found) => found.map(toChange)
          ),

        lastOf: (userId, setting, version) =>
          Effect.map(
            firstRow(ChangeRow)(sql`
              select ${columns} from preference_history
              where user_id = ${userId} and version <= ${version} and changes -> ${setting}::text is not null
              order by version desc limit 1`),
            Option.map(toChange)
          )
      }
    })
  )
}
