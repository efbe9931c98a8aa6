import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const versionOf = (node: string): number =>
  Number.parseInt(spawnSync(node, ["--version"]).stdout.toString().slice(1), 10)

const older = (process.env["PATH"] ?? "")
  .split(delimiter)
  .flatMap((folder) => globSync(join(folder, "node")))
  .find((node) => versionOf(node) < 24)

// The path of the bundle of the last start.
const main = (app: string): string => {
  spawnSync(process.execPath, [join(root, "infra/start.mjs"), app], {
    env: { PATH: process.env["PATH"], PORT: "none" }
  })
  const [newest = ""] = globSync(join(root, `node_modules/.cache/user-service/${app}/*/main.js`))
    .toSorted()
    .toReversed()
  return newest
}

describe(older === undefined ? "an older Node (none is on PATH)" : "an older Node", { timeout: 300_000 }, () => {
  it.skipIf(older === undefined)("is refused in words before anything else happens", () => {
    for (const app of ["api", "worker", "cli", "standalone"]) {
      const { status, stderr, stdout } = spawnSync(older ?? "", [main(app)], { encoding: "utf8", env: {} })
      assert.strictEqual(stdout, "")
      assert.match(stderr, /^The User Service needs Node 24 or newer, and this is v\d+\.\d+\.\d+\. .*\n$/)
      assert.strictEqual(status, 1)
    }
  })

  it.skipIf(older === undefined)("runs the programs of a clone by the Node that comes with the install", () => {
    const version = spawnSync(older ?? "", [join(root, "infra/start.mjs"), "cli", "--version"], {
      encoding: "utf8"
    })
    assert.deepStrictEqual([version.status, version.stdout, version.stderr], [0, "cli v0.1.0\n", ""])
  })
})
