import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Guide from "./Guide.ts"

const tests = globSync("*.long.test.ts", { cwd: import.meta.dirname }).map((name) =>
  readFileSync(join(import.meta.dirname, name), "utf8")
)

describe("the operations guide", () => {
  it("passes no password to a program as an argument, which other users of the machine see", () => {
    const calls = /\b(?:psql|pg_\w+|redis-cli|rabbitmqctl)\b[^\n|]*\$\{?\w*(?:URL|PASSWORD|AUTH)\b/
    assert.deepStrictEqual(
      Guide.names.filter((name) => calls.test(Guide.commandsOf(name))),
      []
    )
  })

  it("has no named block that no test runs", () => {
    assert.isAtLeast(Guide.names.length, 8)
    assert.deepStrictEqual(
      Guide.names.filter((name) => !tests.some((test) => test.includes(`Guide.run("${name}"`))),
      []
    )
  })
})
