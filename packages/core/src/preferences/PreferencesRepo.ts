import { PreferencesUpdated } from "@user-service/domain/DomainEvent"
import type { PreferenceAuthor } from "@user-service/domain/PreferenceHistory"
import { Preferences, PreferencesPatch, switches } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Record, Schema, String, Struct } from "effect"
import { SqlClient } from "effect/sql"
import { preferencesKey } from "../cached/CacheKeys.ts"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { eventJson } from "../changes/EventJson.ts"
import * as Columns from "../Columns.ts"
import { firstRow, type Query } from "../Rows.ts"

const namedColumns = (alias: string, fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.map((field) => `${alias}.${String.camelToSnake(field)} as "${field}"`)

const settingNames = Struct.keys(PreferencesPatch.fields)

// The columns of the settings themselves, whose changes are the history.
const settingsColumns = (alias: string): ReadonlyArray<string> => [
  ...namedColumns(alias, [...switches, "frequencyLimit"]),
  `to_char(${alias}.do_not_disturb_start, 'HH24:MI:SS') as "doNotDisturbStart"`,
  `to_char(${alias}.do_not_disturb_end, 'HH24:MI:SS') as "doNotDisturbEnd"`
]

// The settings of the patch with their values before and after: the columns `name`, `old` and `new`.
const patchedSettings = (patch: PreferencesPatch): string | undefined => {
  const values = settingNames
    .filter((field) => field in patch)
    .map((field) => `('${field}', to_jsonb(previous."${field}"), to_jsonb(changed."${field}"))`)
  return values.length === 0 ? undefined : `(values ${values.join(", ")}) as patched (name, old, new)`
}

// The details of the audit entry. For an act of staff they have the changed settings before and after it; for users the history
// has them.
const auditDetails = (sql: SqlClient.SqlClient, patch: PreferencesPatch, { source }: PreferenceAuthor) => {
  const patched = patchedSettings(patch)
  const details = sql`jsonb_build_object('version', changed.version, 'source', ${source}::text)`
  return source !== "admin" || patched === undefined
    ? details
    : sql`${details} || (
        select jsonb_build_object(
          'before', coalesce(jsonb_object_agg(name, old) filter (where old is distinct from new), '{}'),
          'after', coalesce(jsonb_object_agg(name, new) filter (where old is distinct from new), '{}'))
        from previous, lateral ${sql.literal(patched)})`
}

// The history row of a change, as a common table expression. Only the settings of the patch are compared, because comparing all
// of them takes the server longer. A patch without settings has no history.
const historyRows = (sql: SqlClient.SqlClient, patch: PreferencesPatch, author: PreferenceAuthor) => {
  const patched = patchedSettings(patch)
  return patched === undefined
    ? sql``
    : sql`, history_rows as (
        insert into preference_history (user_id, version, source, actor_id, changes, created_at)
        select previous.user_id, changed.version, ${author.source}::text, ${author.actor}::uuid, setting.changes,
          changed."updatedAt"
        from previous, changed, lateral (
          select jsonb_object_agg(name, jsonb_build_array(old, new)) as changes
          from ${sql.literal(patched)}
          where old is distinct from new
        ) as setting
        where setting.changes is not null
      )`
}

/** The columns of {@link PreferencesRow}, of the table with the given alias. */
export const preferencesColumns = (alias: string): string =>
  [
    ...namedColumns(alias, ["id", "createdAt", "updatedAt"]),
    ...settingsColumns(alias),
    `${alias}.version::int as version`
  ].join(", ")

export const PreferencesRow = Schema.Struct({
  ...Preferences.fields,
  doNotDisturbStart: Schema.NullOr(Columns.localTime),
  doNotDisturbEnd: Schema.NullOr(Columns.localTime),
  createdAt: Columns.time,
  updatedAt: Columns.time
})

export const toPreferences = (row: typeof PreferencesRow.Type): Preferences =>
  new Preferences(row, { disableChecks: true })

/** The versions at which a change may be made: the listed ones, any, or any except the listed ones. */
export type ExpectedVersions = ReadonlyArray<number> | "any" | { readonly not: ReadonlyArray<number> }

export class PreferencesRepo extends Context.Service<
  PreferencesRepo,
  {
    readonly find: (userId: UserId) => Query<Option.Option<Preferences>>
    /**
     * Applies the patch and increments the version if the stored version is an expected one. The update reads the latest
     * version of its row, so it sees the changes that committed while the statement waited for the lock. The history gets a
     * row if a setting has another value afterwards.
     */
    readonly updateStatement: (update: {
      readonly userId: UserId
      readonly patch: PreferencesPatch
      readonly expected: ExpectedVersions
      readonly author: PreferenceAuthor
      readonly now: DateTime.Utc
    }) => StatementChange<typeof PreferencesRow.Type>
  }
>()("@user-service/core/preferences/PreferencesRepo") {
  static readonly layer = Layer.effect(
    PreferencesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(preferencesColumns("n"))
      const settings = sql.literal(settingsColumns("n").join(", "))
      const preferences = sql.literal("to_jsonb(changed)")
      const condition = (expected: ExpectedVersions) => {
        if (expected === "any") return sql``
        return "not" in expected
          ? sql`and n.version <> all(${expected.not}::bigint[])`
          : sql`and n.version = any(${expected}::bigint[])`
      }

      return {
        find: (userId) =>
          Effect.map(
            firstRow(PreferencesRow)(
              sql`select ${columns} from notification_preferences n where n.user_id = ${userId}`
            ),
            Option.map(toPreferences)
          ),

        updateStatement: ({ author, expected, now, patch, userId }) => ({
          // `previous` locks its row, and so reads the same latest version as the update.
          changed: sql`
            previous as materialized (
              select n.user_id, ${settings} from locked join notification_preferences n on n.user_id = locked.id
              where true ${condition(expected)} for no key update of n
            ), changed as (
              update notification_preferences n
              set ${sql.update({
                ...Record.mapKeys(patch, String.camelToSnake),
                updated_at: DateTime.toDate(now)
              })}, version = n.version + 1
              from previous
              where n.user_id = previous.user_id
              returning ${columns}
            ) ${historyRows(sql, patch, author)}`,
          row: PreferencesRow,
          events: sql`
            select ${eventJson(sql, PreferencesUpdated, { userId: sql`${userId}::uuid`, preferences })} from changed`,
          action: "preferences.updated",
          actor: author.actor,
          details: auditDetails(sql, patch, author),
          stale: ({ version }) => [{ key: preferencesKey(userId), version }]
        })
      }
    })
  )
}
