import { Config, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"
import * as Migrations from "./Migrations.ts"

/** `MIGRATE_ON_START`: whether a program migrates the database before it serves. */
export const config = Config.Boolean("MIGRATE_ON_START").pipe(Config.withDefault(true))

/** The database has no schema, or the schema of an older release. */
export class NotMigrated extends Schema.TaggedError<NotMigrated>()("NotMigrated", {}) {
  override get message() {
    return "The database does not have the schema of this release: run `npm run cli -- migrate`, or start with MIGRATE_ON_START=on"
  }
}

const newest = Math.max(...Object.keys(Migrations.migrations).map((name) => Number.parseInt(name, 10)))

/** Fails unless all migrations of this release are applied. Accepts a database that a newer release has migrated. */
export const requireMigrated = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const latest = SqlSchema.findOneOption({
    Request: Schema.Void,
    Result: Schema.Struct({ id: Schema.Int }),
    execute: () => sql`select migration_id as id from migrations order by migration_id desc limit 1`
  })
  const found = yield* latest(undefined).pipe(
    // The table does not exist before the first migration.
    Effect.catchReason("SqlError", "SqlSyntaxError", () => Effect.succeedNone)
  )
  if (Option.isNone(found) || found.value.id < newest) return yield* new NotMigrated()
})

/** Migrates the database, or only checks that it is migrated if `migrates` is false. */
export const layer = (migrates: boolean) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      if (migrates) return yield* Effect.asVoid(Migrations.run)
      return yield* requireMigrated
    })
  )
