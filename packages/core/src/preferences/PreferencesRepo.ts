import { PreferencesUpdated } from "@user-service/domain/DomainEvent"
import { Preferences, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Record, Schema, String } from "effect"
import { SqlClient } from "effect/sql"
import { preferencesKey } from "../cached/CacheKeys.ts"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { eventJson } from "../changes/EventJson.ts"
import * as Columns from "../Columns.ts"
import { firstRow, type Query } from "../Rows.ts"

/** The columns of {@link PreferencesRow}, of the table with the given alias. */
export const preferencesColumns = (alias: string): string =>
  ["id", ...switches, "frequencyLimit", "createdAt", "updatedAt"]
    .map((field) => `${alias}.${String.camelToSnake(field)} as "${field}"`)
    .concat(
      `to_char(${alias}.do_not_disturb_start, 'HH24:MI:SS') as "doNotDisturbStart"`,
      `to_char(${alias}.do_not_disturb_end, 'HH24:MI:SS') as "doNotDisturbEnd"`,
      `${alias}.version::int as version`
    )
    .join(", ")

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
     * version of its row, so it sees the changes that committed while the statement waited for the lock.
     */
    readonly updateStatement: (update: {
      readonly userId: UserId
      readonly patch: PreferencesPatch
      readonly expected: ExpectedVersions
      readonly now: DateTime.Utc
    }) => StatementChange<typeof PreferencesRow.Type>
  }
>()("@user-service/core/preferences/PreferencesRepo") {
  static readonly layer = Layer.effect(
    PreferencesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(preferencesColumns("n"))
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

        updateStatement: ({ expected, now, patch, userId }) => ({
          changed: sql`
            changed as (
              update notification_preferences n
              set ${sql.update({
                ...Record.mapKeys(patch, String.camelToSnake),
                updated_at: DateTime.toDate(now)
              })}, version = n.version + 1
              from locked
              where n.user_id = locked.id ${condition(expected)}
              returning ${columns}
            )`,
          row: PreferencesRow,
          events: sql`
            select ${eventJson(sql, PreferencesUpdated, { userId: sql`${userId}::uuid`, preferences })} from changed`,
          action: "preferences.updated",
          details: sql`jsonb_build_object('version', changed.version)`,
          stale: ({ version }) => [{ key: preferencesKey(userId), version }]
        })
      }
    })
  )
}
