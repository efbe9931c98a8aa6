import { Preferences, type PreferencesPatch, switches } from "@user-service/domain/Preferences"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Record, Schema, String } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow } from "../Rows.ts"

/** The columns of a user's preferences, as {@link PreferencesRow} reads them, of the table under the given alias. */
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

const toPreferences = (row: typeof PreferencesRow.Type): Preferences => new Preferences(row, { disableChecks: true })

export class PreferencesRepo extends Context.Service<
  PreferencesRepo,
  {
    readonly find: (userId: UserId) => Effect.Effect<Option.Option<Preferences>, SqlError.SqlError>
    /**
     * Sets what the patch names and raises the version, if the stored version is one of `expected`; none when it is not.
     */
    readonly update: (
      userId: UserId,
      patch: PreferencesPatch,
      expected: ReadonlyArray<number> | "any",
      now: DateTime.Utc
    ) => Effect.Effect<Option.Option<Preferences>, SqlError.SqlError>
  }
>()("@user-service/core/preferences/PreferencesRepo") {
  static readonly layer = Layer.effect(
    PreferencesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(preferencesColumns("n"))

      return {
        find: (userId) =>
          Effect.map(
            firstRow(PreferencesRow)(
              sql`select ${columns} from notification_preferences n where n.user_id = ${userId}`
            ),
            Option.map(toPreferences)
          ),

        update: (userId, patch, expected, now) =>
          Effect.map(
            firstRow(PreferencesRow)(sql`
              update notification_preferences n
              set ${sql.update({
                ...Record.mapKeys(patch, String.camelToSnake),
                updated_at: DateTime.toDate(now)
              })}, version = version + 1
              where n.user_id = ${userId} ${expected === "any" ? sql`` : sql`and version = any(${expected}::bigint[])`}
              returning ${columns}`),
            Option.map(toPreferences)
          )
      }
    })
  )
}
