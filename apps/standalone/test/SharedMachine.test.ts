import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../..")

const files = globSync(["{apps,packages}/*/test/**/*.ts", "packages/*/src/testing/**/*.ts"], { cwd: root }).map(
  (path) => ({ path, text: readFileSync(join(root, path), "utf8") })
)

const matching = (pattern: RegExp, isExcepted: (text: string) => boolean = () => false) =>
  files.flatMap(({ path, text }) =>
    isExcepted(text) ? [] : Array.from(text.matchAll(pattern), ([found]) => `${path}: ${found}`)
  )

describe("tests that run twice at the same time on one machine", () => {
  it("do not see the sessions of each other's databases", () => {
    const queries = matching(/`[^`]*\bfrom pg_stat_activity\b[^`]*`/g, (text) => text.includes("PostgresServer.make("))
    assert.isAtLeast(queries.length, 5)
    assert.deepStrictEqual(
      queries.filter((query) => !query.includes("datname = current_database()")),
      []
    )
  })

  it("do not listen on the same port", () => {
    assert.deepStrictEqual(matching(/\.(?:listen|bind)\([1-9]\d*\b/g), [])
  })

  it("do not end each other's programs", () => {
    assert.deepStrictEqual(matching(/["'](?:pkill|killall)\b/g), [])
  })
})
