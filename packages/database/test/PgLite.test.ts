import { assert, describe, it } from "@effect/vitest"
import * as PgLite from "@user-service/database/PgLite"
import { suite } from "@user-service/database/testing/SqlClientSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

suite("PgLite.layer", TestDatabase.layerPgLite, 1)

describe("a database that is kept", () => {
  it.live("has what was committed when its folder, which need not have been there, is opened again", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "pglite-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const opened = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
        Effect.provide(SqlClient.SqlClient.use(use), PgLite.layer({ dataDir: join(folder, "not", "there") }))
      yield* opened((sql) =>
        Effect.gen(function* () {
          yield* sql`create table names (name text)`
          yield* sql`insert into names values ('kept')`
          yield* Effect.exit(
            sql.withTransaction(Effect.andThen(sql`insert into names values ('not')`, Effect.fail("no")))
          )
        })
      )
      assert.deepStrictEqual(yield* opened((sql) => sql`select name from names`), [{ name: "kept" }])
    })
  )
})
