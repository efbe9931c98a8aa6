import { assert, describe, it } from "@effect/vitest"
import * as PgLite from "@user-service/database/PgLite"
import { suite } from "@user-service/database/testing/SqlClientSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

suite("PgLite.layer", TestDatabase.layerPgLite, 1)

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "pglite-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const opener = fileURLToPath(new URL("PgLiteOpener.ts", import.meta.url))

describe("an embedded database in a folder", () => {
  // Its first folder and its last file.
  it.live.each(["base", "PG_VERSION"])(
    "opens after the process that created it was killed as soon as %s existed",
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

  it.live(
    "is accessible only to its owner, including later files and files that an earlier release left accessible to others",
    () =>
      Effect.gen(function* () {
        const dataDir = join(yield* folder, "not", "there")
        const opened = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
          Effect.provide(SqlClient.SqlClient.use(use), PgLite.layer({ dataDir }))
        const openToOthers = Effect.promise(async () => {
          const paths = ["..", ".", ...(await readdir(dataDir, { recursive: true }))]
          const modes = await Promise.all(paths.map(async (path) => (await stat(join(dataDir, path))).mode))
          assert.isAbove(paths.length, 900)
          return paths.filter((_, index) => ((modes[index] ?? 0) & 0o077) !== 0)
        })
        yield* opened((sql) =>
          Effect.gen(function* () {
            yield* sql`create table names (name text primary key, more text)`
            yield* sql`insert into names select i, repeat('more', 1000) from generate_series(1, 1000) as i`
            yield* sql`create database another`
            yield* sql`checkpoint`
            assert.deepStrictEqual(yield* openToOthers, [])
          })
        )
        assert.deepStrictEqual(yield* openToOthers, [])
        for (const path of ["PG_VERSION", "base", "."]) yield* Effect.promise(() => chmod(join(dataDir, path), 0o755))
        assert.deepStrictEqual(yield* opened((sql) => sql`select count(*)::int as count from names`), [{ count: 1000 }])
        assert.deepStrictEqual(yield* openToOthers, [])
      })
  )

  it.live("creates a missing folder, and has all committed data when the folder is opened again", () =>
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
