import { assert, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync
} from "node:fs"
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

// Without the dependencies of this clone.
const systemPath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.startsWith(root))
  .join(delimiter)

/** A small clone, whose install downloads nothing. */
const withClone = async (body: (clone: string) => void | Promise<void>): Promise<void> => {
  const clone = realpathSync(mkdtempSync(join(tmpdir(), "installation-")))
  try {
    cpSync(join(root, "infra"), join(clone, "infra"), { recursive: true })
    writeFileSync(join(clone, "package.json"), JSON.stringify(manifest))
    writeFileSync(join(clone, "pnpm-workspace.yaml"), "packages: [apps/*, packages/*]\n")
    writeFileSync(join(clone, "pnpm-lock.yaml"), lockfile)
    for (const folder of ["apps", "packages"]) mkdirSync(join(clone, folder))
    await body(clone)
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
}

const called = (clone: string) => [process.execPath, [join(clone, "infra/install.mjs")]] as const
const env = { PATH: systemPath, HOME: process.env["HOME"] }

const install = (clone: string) => spawnSync(...called(clone), { cwd: tmpdir(), encoding: "utf8", env })

const lockOf = (clone: string) => join(clone, "node_modules/.cache/user-service/installing")

/** Creates the lock of an install that began at that time. */
const lockedFor = (clone: string, content: string, seconds: number): void => {
  mkdirSync(join(clone, "node_modules/.cache/user-service"), { recursive: true })
  writeFileSync(lockOf(clone), content)
  const began = Date.now() / 1000 - seconds
  utimesSync(lockOf(clone), began, began)
}

describe("the installation", { timeout: 180_000 }, () => {
  it("says that it installs, and then neither installs nor says anything until a manifest changes", () =>
    withClone((clone) => {
      const first = install(clone)
      assert.strictEqual(first.status, 0, first.stderr)
      assert.match(first.stderr, /^Installing dependencies with pnpm \d+\.\d+\.\d+/)
      assert.match(first.stderr, /Installed in \d+ s\.\n$/)
      // Standard output belongs to the program.
      assert.strictEqual(first.stdout, "")
      const second = install(clone)
      assert.deepStrictEqual([second.status, second.stdout, second.stderr], [0, "", ""])
      mkdirSync(join(clone, "apps/added"))
      writeFileSync(join(clone, "apps/added/package.json"), JSON.stringify({ name: "added", version: "1.0.0" }))
      assert.match(install(clone).stderr, /^Installing dependencies/)
    }))

  it("a failed install fails with its reason, and the next start tries it again", () =>
    withClone((clone) => {
      const dependencies = { effect: "catalog:" }
      writeFileSync(join(clone, "package.json"), JSON.stringify({ ...manifest, dependencies }))
      for (const { status, stderr } of [install(clone), install(clone)]) {
        assert.strictEqual(status, 1)
        assert.match(stderr, /^Installing dependencies/)
        assert.match(stderr, /The dependencies could not be installed: pnpm ended with 1, see above\./)
      }
    }))

  it("says for which process it waits, and installs once that has released its lock", () =>
    withClone(async (clone) => {
      lockedFor(clone, `${process.pid} another`, 0)
      const child = spawn(...called(clone), { cwd: tmpdir(), env, stdio: ["ignore", "ignore", "pipe"] })
      const closed = once(child, "close")
      let stderr = ""
      for await (const text of child.stderr.setEncoding("utf8")) {
        stderr += text
        if (stderr.includes("\n")) rmSync(lockOf(clone), { force: true })
      }
      assert.deepStrictEqual(await closed, [0, null])
      const waits = `Waiting for process ${process.pid}, which installs the dependencies`
      assert.isTrue(
        stderr.startsWith(`${waits} (${join("node_modules", ".cache", "user-service", "installing")}) ...\n`),
        stderr
      )
      assert.strictEqual(stderr.split("Waiting").length, 2)
      assert.match(stderr, /\nInstalled in \d+ s\.\n$/)
      assert.isFalse(existsSync(lockOf(clone)))
    }))

  const left = [
    ["of a process whose number another has by now", String(process.pid), 11 * 60],
    ["that was never written", "", 60],
    ["that names no process", "?", 0]
  ] as const
  for (const [what, content, seconds] of left) {
    it(`takes over a lock ${what}`, () =>
      withClone((clone) => {
        lockedFor(clone, content, seconds)
        const { status, stderr } = install(clone)
        assert.strictEqual(status, 0, stderr)
        assert.match(stderr, /^Installing dependencies/)
        assert.isFalse(existsSync(lockOf(clone)))
      }))
  }

  it("leaves the lock of whoever has taken it over", () =>
    withClone((clone) => {
      const postinstall = "echo another > node_modules/.cache/user-service/installing"
      writeFileSync(join(clone, "package.json"), JSON.stringify({ ...manifest, scripts: { postinstall } }))
      const { status, stderr } = install(clone)
      assert.strictEqual(status, 0, stderr)
      assert.strictEqual(readFileSync(lockOf(clone), "utf8").trim(), "another")
    }))

  it("has pnpm take the Node that comes with it for the one that the packages run on", () => {
    const settings = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
    const [, installed] = /^ {2}node: (\d\S+)$/m.exec(settings) ?? []
    const [, checked] = /^nodeVersion: (\S+)$/m.exec(settings) ?? []
    assert.isDefined(installed)
    assert.strictEqual(checked, installed)
  })
})
