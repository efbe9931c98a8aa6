import { assert, describe, it } from "@effect/vitest"
import { asyncApiDocument } from "@user-service/schema/amqp/AsyncApiDocument"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Yaml from "yaml"
import { cli, folder, patient } from "./Program.ts"

const document: unknown = JSON.parse(JSON.stringify(asyncApiDocument))

describe("asyncapi", patient, () => {
  it.live("writes the document as YAML to a file with that extension", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { code, stderr } = yield* cli(["asyncapi", "--file", "messages.yml"], { cwd })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      const text = readFileSync(join(cwd, "messages.yml"), "utf8")
      assert.isTrue(text.startsWith("asyncapi: 3.0.0\n"))
      assert.deepStrictEqual<unknown>(Yaml.parse(text), document)
    })
  )

  it.live("writes only JSON to standard output without a file", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* cli(["asyncapi"], { cwd: yield* folder })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.deepStrictEqual<unknown>(JSON.parse(stdout), document)
    })
  )
})
