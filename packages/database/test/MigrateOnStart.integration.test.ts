import { assert, describe, it } from "@effect/vitest"
import * as MigrateOnStart from "@user-service/database/MigrateOnStart"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { ConfigProvider, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

const read = (environment: Record<string, string>) =>
  MigrateOnStart.config.pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
  )

describe("MIGRATE_ON_START", () => {
  it.effect("is on by default, off for off, false, no and 0, and refuses other values", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* read({}))
      for (const on of ["on", "true", "yes", "1"]) assert.isTrue(yield* read({ MIGRATE_ON_START: on }), on)
      for (const off of ["off", "false", "no", "0"]) assert.isFalse(yield* read({ MIGRATE_ON_START: off }), off)
      assert.isTrue((yield* Effect.exit(read({ MIGRATE_ON_START: "later" })))._tag === "Failure")
    })
  )

  it.live.skipIf(databaseUrl === "")(
    "when off, a start refuses a database with an older schema and accepts the newest or a newer one",
    () =>
      Effect.gen(function* () {
        const url = yield* TestDatabase.freshDatabase(databaseUrl)
        const database = Postgres.layer(TestDatabase.settingsOf(url, 4))
        const all = Object.keys(Migrations.migrations).length
        const start = (migrates: boolean) => Effect.scoped(Layer.build(MigrateOnStart.layer(migrates)))
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          assert.instanceOf(yield* Effect.flip(start(false)), MigrateOnStart.NotMigrated)
          yield* start(true)
          assert.deepStrictEqual(yield* sql`select count(*)::int as count from migrations`, [{ count: all }])
          yield* start(false)
          yield* sql`delete from migrations where migration_id = ${all}`
          assert.instanceOf(yield* Effect.flip(start(false)), MigrateOnStart.NotMigrated)
          yield* sql`insert into migrations (migration_id, name) values (${all}, 'newest'), (${all + 1}, 'newer')`
          yield* start(false)
        }).pipe(Effect.provide(database))
      })
  )
})
