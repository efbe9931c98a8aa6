import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { contextOf, makeIgnored } from "./DockerContext.ts"
import { stagesOf } from "./ImageBuild.ts"

const root = join(import.meta.dirname, "../../..")
const dockerfile = join(root, "infra/images/Dockerfile")

describe("the Dockerfile", () => {
  it("passes its linter", () => {
    // Not `resolve`, which its manifest does not permit to other files.
    const linter = join(dirname(createRequire(import.meta.url).resolve("dockerlinter")), "dockerfilelinter.js")
    // It would need ShellCheck to lint the commands of RUN.
    const { status, stdout } = spawnSync(process.execPath, [linter, "-f", dockerfile, "-s", "none", "-e"], {
      encoding: "utf8"
    })
    assert.strictEqual(status, 0, stdout)
  })

  it("has a stage for each image, all on the Node that the tests run on", () => {
    const stages = stagesOf(dockerfile)
    assert.includeMembers([...stages.keys()], ["api", "worker", "cli"])
    const [, version] = /^ {2}node: (\d\S+)$/m.exec(readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")) ?? []
    const bases = [...stages.values()].map(({ from }) => from).filter((from) => !stages.has(from))
    assert.deepStrictEqual(new Set(bases), new Set([`node:${version}-bookworm-slim`]))
  })
})

describe("the context of the build", () => {
  it("has the sources, and nothing that can hold a secret", () => {
    const paths = contextOf(root)
    for (const path of [
      "package.json",
      "pnpm-lock.yaml",
      "infra/bundle.ts",
      "infra/pnpm/package.json",
      "apps/api/src/main.ts",
      "apps/console/build/ConsoleBuild.ts",
      "apps/console/src/index.html",
      "packages/database/src/migrations/0001_users.ts"
    ]) {
      assert.include(paths, path)
    }
    assert.deepStrictEqual(
      paths.filter((path) => !/\.(?:tsx?|json|yaml|mjs|md|css|html|svg)$/.test(path)),
      []
    )
    const isIgnored = makeIgnored(readFileSync(join(root, ".dockerignore"), "utf8"))
    const secrets = [
      ".env",
      "apps/api/.env",
      ".data/jwt-keys.json",
      "apps/api/.data/jwt-keys.json",
      "infra/jwt-keys.json",
      ".git/config",
      "logs/user_service.log"
    ]
    assert.deepStrictEqual(
      secrets.filter((path) => !isIgnored(path)),
      []
    )
  })
})
