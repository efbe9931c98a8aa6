import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const { devEngines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const manifest = {
  name: "clone",
  private: true,
  devEngines,
  devDependencies: { "@user-service/pnpm": "link:infra/pnpm" }
}
const lockfile = `lockfileVersion: '9.0'
importers:
  .:
    devDependencies:
      '@user-service/pnpm':
        specifier: link:infra/pnpm
        version: link:infra/pnpm
`

// Without what is installed here.
const systemPath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.startsWith(root))
  .join(delimiter)

/** A small clone, whose install fetches nothing. */
const withClone = (body: (clone: string) => void): void => {
  const clone = realpathSync(mkdtempSync(join(tmpdir(), "installation-")))
  try {
    cpSync(join(root, "infra"), join(clone, "infra"), { recursive: true })
    writeFileSync(join(clone, "package.json"), JSON.stringify(manifest))
    writeFileSync(join(clone, "pnpm-workspace.yaml"), "packages: [apps/*, packages/*]\n")
    writeFileSync(join(clone, "pnpm-lock.yaml"), lockfile)
    for (const folder of ["apps", "packages"]) mkdirSync(join(clone, folder))
    body(clone)
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
}

const install = (clone: string) =>
  spawnSync(process.execPath, [join(clone, "infra/install.mjs")], {
    cwd: tmpdir(),
    encoding: "utf8",
    env: { PATH: systemPath, HOME: process.env["HOME"] }
  })

describe("the installation", { timeout: 180_000 }, () => {
  it("says that it installs, and then neither installs nor says anything until a manifest changes", () => {
    withClone((clone) => {
      const first = install(clone)
      assert.strictEqual(first.status, 0, first.stderr)
      assert.match(first.stderr, /^Installing dependencies with pnpm \d+\.\d+\.\d+/)
      assert.match(first.stderr, /Installed in \d+ s\.\n$/)
      // Standard output is the program's.
      assert.strictEqual(first.stdout, "")
      const second = install(clone)
      assert.deepStrictEqual([second.status, second.stdout, second.stderr], [0, "", ""])
      mkdirSync(join(clone, "apps/added"))
      writeFileSync(join(clone, "apps/added/package.json"), JSON.stringify({ name: "added", version: "1.0.0" }))
      assert.match(install(clone).stderr, /^Installing dependencies/)
    })
  })

  it("a failed install fails with its reason, and the next start tries it again", () => {
    withClone((clone) => {
      const dependencies = { effect: "catalog:" }
      writeFileSync(join(clone, "package.json"), JSON.stringify({ ...manifest, dependencies }))
      for (const { status, stderr } of [install(clone), install(clone)]) {
        assert.strictEqual(status, 1)
        assert.match(stderr, /^Installing dependencies/)
        assert.match(stderr, /The dependencies could not be installed: pnpm ended with 1, see above\./)
      }
    })
  })
})
