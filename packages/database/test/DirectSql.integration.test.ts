import { assert, describe, it } from "@effect/vitest"
import { whileLeading } from "@user-service/database/Leadership"
import * as Migrations from "@user-service/database/Migrations"
import * as Notifications from "@user-service/database/Notifications"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

describe.skipIf(databaseUrl === "")("DirectSql behind a pooler", () => {
  const pooler = "postgres://postgres@127.0.0.1:1/none"
  const layer = Layer.unwrap(
    Effect.map(TestDatabase.freshDatabase(databaseUrl), (url) =>
      Postgres.layer(TestDatabase.settingsOf(pooler, 2, url))
    )
  )

  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("carries migrations, LISTEN and the locks of leaders, and no other statement", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.lengthOf(yield* Migrations.run, Object.keys(Migrations.migrations).length)
        assert.deepStrictEqual(yield* whileLeading(1)(Effect.succeed("led")), Option.some("led"))
        const listening = yield* Deferred.make<void>()
        yield* Effect.forkScoped(Notifications.listen("any", Deferred.succeed(listening, undefined)))
        yield* Deferred.await(listening)
        assert.strictEqual((yield* Effect.flip(sql`select 1`)).reason._tag, "ConnectionError")
      })
    )
  })
})
