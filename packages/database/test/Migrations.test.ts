import { assert, describe, it } from "@effect/vitest"
import { migrations } from "@user-service/database/Migrations"
import { suite } from "@user-service/database/testing/MigrationsSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { readdir } from "node:fs/promises"

suite("on PGlite", TestDatabase.layerPgLite)

describe("the record of migrations", () => {
  const folder = new URL("../src/migrations/", import.meta.url)

  it.effect("contains every file of the folder under its name, in order, and no other entry", () =>
    Effect.gen(function* () {
      const files = (yield* Effect.promise(() => readdir(folder))).toSorted()
      assert.deepStrictEqual(
        Object.keys(migrations).map((name) => `${name}.ts`),
        files
      )
      for (const [name, migration] of Object.entries(migrations)) {
        const file: { default: unknown } = yield* Effect.promise(() => import(new URL(`${name}.ts`, folder).href))
        assert.strictEqual(migration, file.default, name)
      }
    })
  )

  // One that lands in a gap later on is never run where those after it were.
  it("numbers the migrations from one without gaps", () => {
    assert.deepStrictEqual(
      Object.keys(migrations).map((name) => /^(\d{4})_[a-z_]+$/.exec(name)?.[1]),
      Object.keys(migrations).map((_, index) => String(index + 1).padStart(4, "0"))
    )
  })
})
