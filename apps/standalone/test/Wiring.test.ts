import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const repositories = /^import (?!type )[^;"]*"@user-service\/core\/[^"]+Repo"/gm

describe("the apps", () => {
  it("build no repository of core: each service brings its own", () => {
    const files = globSync("apps/*/src/**/*.ts", { cwd: root })
    assert.isAtLeast(files.length, 100)
    assert.deepStrictEqual(
      files.filter((path) => readFileSync(`${root}${path}`, "utf8").match(repositories) !== null),
      []
    )
  })
})
