import { assert, describe, it } from "@effect/vitest"
import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { Effect } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Yaml from "yaml"
import { cli, failure, folder, patient } from "./Program.ts"

describe("openapi", patient, () => {
  it.live("writes the document as YAML to a file with that extension", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { code, stderr } = yield* cli(["openapi", "--file", "schema.YML"], { cwd })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      const text = readFileSync(join(cwd, "schema.YML"), "utf8")
      assert.isTrue(text.startsWith("openapi: 3.1.0\n"))
      assert.notMatch(text, /: &a\d/)
      assert.deepStrictEqual(Yaml.parse(text), openApiDocument)
    })
  )

  it.live("writes it as JSON to any other file, and overwrites it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const path = join(cwd, "schema")
      writeFileSync(path, "x".repeat(1_000_000))
      const { code, stderr } = yield* cli(["openapi", "--file", path], { cwd })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.deepStrictEqual(JSON.parse(readFileSync(path, "utf8")), openApiDocument)
    })
  )

  it.live("writes only JSON to standard output without a file, needs no settings and leaves no files", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: "nowhere", NODE_ENV: "production" }
      const { code, stderr, stdout } = yield* cli(["openapi"], { cwd, env })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.deepStrictEqual(JSON.parse(stdout), openApiDocument)
      assert.deepStrictEqual(readdirSync(cwd), [])
    })
  )

  it.live("names a file that cannot be written", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "absent", "schema.yml")
      const outcome = yield* cli(["openapi", "--file", path], { cwd: yield* folder })
      assert.deepStrictEqual(outcome, {
        stdout: "",
        ...failure(`Cannot write ${path}: ENOENT: no such file or directory, open '${path}'`)
      })
    })
  )
})
