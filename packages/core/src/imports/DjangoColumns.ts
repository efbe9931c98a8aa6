import { switches } from "@user-service/domain/Preferences"
import { String as Str } from "effect"

// The tables of the Django service and the columns that the import reads. Deployments differ, so many columns may be absent.

/** A table of the Django service that is imported. */
export type DjangoTable = "users" | "user_profiles" | "notification_preferences" | "push_tokens"

/** A column, under each of the names that it has in deployments. */
export type ColumnNames = readonly [string, ...ReadonlyArray<string>]

interface Columns {
  /**
   * The columns without which nothing is imported. Those that state what a user has switched off are among them: a default in
   * their place would switch it on again.
   */
  readonly required: ReadonlyArray<ColumnNames>
  /** The columns for which there is a default. */
  readonly optional: ReadonlyArray<ColumnNames>
}

const named = (...names: ReadonlyArray<string>): ReadonlyArray<ColumnNames> => names.map((name) => [name])

const settings = [...switches.map(Str.camelToSnake), "do_not_disturb_start", "do_not_disturb_end", "frequency_limit"]

/** The columns that are read, per table. */
export const djangoColumns: { readonly [table in DjangoTable]: Columns } = {
  users: {
    required: [...named("id", "email", "password", "is_active"), ["date_joined", "created_at"]],
    optional: named(
      "username",
      "phone_number",
      "is_verified",
      "is_staff",
      "is_superuser",
      "last_login",
      "last_login_ip",
      "updated_at"
    )
  },
  user_profiles: {
    required: named("id", "user_id"),
    optional: named("first_name", "last_name", "avatar_url", "timezone", "language", "bio", "created_at", "updated_at")
  },
  notification_preferences: {
    required: named("id", "user_id", ...settings),
    optional: named("created_at", "updated_at")
  },
  push_tokens: {
    required: [...named("id", "user_id", "token", "is_active", "created_at"), ["platform", "device_type"]],
    optional: [...named("token_type", "device_id", "device_name", "updated_at"), ["last_used", "last_used_at"]]
  }
}
