import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const { scripts }: { readonly scripts: Record<string, string> } = JSON.parse(read("package.json"))
const pages = ["README.md", "CONTRIBUTING.md", ...globSync("{apps,packages}/*/README.md", { cwd: root })]

const commandsOf = (page: string): ReadonlyArray<string> =>
  [...read(page).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, script, name = ""]) => script ?? name)

/** A PATH with only Node, npm, npx and the programs of the system. */
const plainPath = (folder: string): string => {
  for (const program of ["npm", "npx"]) {
    const [found] = (process.env["PATH"] ?? "")
      .split(delimiter)
      .map((entry) => join(entry, program))
      .flatMap((path) => globSync(path))
    symlinkSync(realpathSync(found ?? program), join(folder, program))
  }
  symlinkSync(process.execPath, join(folder, "node"))
  return [folder, "/usr/bin", "/bin"].join(delimiter)
}

describe("npm scripts", () => {
  it("every script that the READMEs and CONTRIBUTING name exists", () => {
    const known = new Set([
      ...Object.keys(scripts),
      ...globSync("{apps,packages}/*/package.json", { cwd: root }).flatMap((path) =>
        Object.keys(JSON.parse(read(path)).scripts)
      )
    ])
    for (const page of pages) {
      const unknown = commandsOf(page).filter((name) => !known.has(name))
      assert.deepStrictEqual(unknown, [], page)
    }
  })

  it("no README asks for a pnpm that is installed", () => {
    for (const page of pages)
      assert.notMatch(read(page), /(?<!npx )\bpnpm (?:run|test|cli|start|exec|add|install)\b/, page)
  })

  it("every script installs what is missing before it runs", () => {
    const isHook = (name: string) => name.startsWith("pre") && name.slice(3) in scripts
    const installs = (name: string): boolean => {
      const hook = scripts[`pre${name}`] ?? ""
      const [, earlier] = /^npm run (\S+)$/.exec(hook) ?? []
      return hook === "node infra/install.mjs" || (earlier !== undefined && installs(earlier))
    }
    const needing = Object.entries(scripts).filter(([name, command]) => !isHook(name) && !command.startsWith("rm "))
    for (const [name, command] of needing) {
      assert.isTrue(command.startsWith("node infra/start.mjs") || installs(name), name)
    }
  })

  it("turbo's tasks run where there is no pnpm on PATH", { timeout: 180_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "npm-scripts-"))
    try {
      const path = plainPath(folder)
      const { HOME = "" } = process.env
      const env = { PATH: path, HOME, TURBO_TELEMETRY_DISABLED: "1" }
      const build = spawnSync("npm", ["run", "build", "--", "--filter=@user-service/domain", "--force"], {
        cwd: root,
        env,
        encoding: "utf8"
      })
      assert.strictEqual(build.status, 0, build.stdout + build.stderr)
      assert.match(build.stdout, /1 successful, 1 total/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
