import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"

const module = join(import.meta.dirname, "../../console/build/ConsoleBuild.ts")

describe("the build of the console", () => {
  it("leaves NODE_ENV as it was, for the program that starts in the same process", { timeout: 120_000 }, () => {
    const script = `
      const { buildConsole } = await import(${JSON.stringify(module)})
      const { files } = await buildConsole()
      process.stdout.write(JSON.stringify([files.size > 0, process.env.NODE_ENV ?? null]))`
    for (const environment of [{}, { NODE_ENV: "test" }]) {
      const { stderr, stdout } = spawnSync(
        process.execPath,
        ["--conditions=@user-service/source", "--input-type=module", "-e", script],
        { env: { PATH: process.env["PATH"], ...environment }, encoding: "utf8" }
      )
      assert.deepStrictEqual(JSON.parse(stdout || "null"), [true, environment.NODE_ENV ?? null], stderr)
    }
  })
})
