import { assert, describe, it } from "@effect/vitest"
import * as PgLite from "@user-service/database/PgLite"
import { suite } from "@user-service/database/testing/SqlClientSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

suite("PgLite.layer", TestDatabase.layerPgLite, 1)

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "pglite-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const opener = fileURLToPath(new URL("PgLiteOpener.ts", import.meta.url))

describe("a database that is kept", () => {
  // Its first folder and its last file.
  it.live.each(["base", "PG_VERSION"])(
    "opens though the process that made it was killed once there was %s",
    (name) =>
      Effect.gen(function* () {
        const dataDir = join(yield* folder, "data")
        const child = spawn(process.execPath, ["--conditions=@user-service/source", opener, dataDir])
        const gone = once(child, "exit")
        while (!existsSync(join(`${dataDir}.new`, name))) yield* Effect.sleep("1 millis")
        child.kill("SIGKILL")
        yield* Effect.promise(() => gone)
        const opened = Effect.provide(
          SqlClient.SqlClient.use((sql) => sql`select 1 as one`),
          PgLite.layer({ dataDir })
        )
        assert.deepStrictEqual(yield* opened, [{ one: 1 }])
      }),
    60_000
  )

  it.live("has what was committed when its folder, which need not have been there, is opened again", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const opened = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
        Effect.provide(SqlClient.SqlClient.use(use), PgLite.layer({ dataDir: join(path, "not", "there") }))
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
