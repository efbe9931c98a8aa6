import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

const root = join(import.meta.dirname, "../../..")
const folder = join(root, "infra/systemd")

const units = globSync("*.service", { cwd: folder }).toSorted()

const analyze = (...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync("systemd-analyze", args, { cwd: folder, encoding: "utf8" })
  return { status: error === undefined ? status : error.message, stderr, stdout }
}

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0

describe.skipIf(!hasSystemd)("the units for systemd", () => {
  it("are valid, with all their settings known", () => {
    assert.deepStrictEqual(units, [
      "user-service-api.service",
      "user-service-migrate.service",
      "user-service-worker.service"
    ])
    const { status, stderr } = analyze("verify", "--man=no", ...units.map((unit) => `./${unit}`))
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
  })

  for (const unit of units) {
    it(`expose little of the machine: ${unit}`, () => {
      // Of 10. The rest is what the programs need: addresses of the internet, and memory that V8 writes and executes.
      const { status, stderr, stdout } = analyze(
        "security",
        "--offline=true",
        "--threshold=15",
        "--no-pager",
        `./${unit}`
      )
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" }, stdout)
    })
  }
})

describe("the units for systemd, by their text", () => {
  it("let the settings of the migration override those of the service, which systemd reads first by the names of the files", () => {
    const files = globSync("user-service-{,migrate.service.d/,.service.d/}*.conf", { cwd: folder })
    const byName = files.toSorted((a, b) => basename(a).localeCompare(basename(b)))
    assert.deepStrictEqual(
      byName.flatMap((file) =>
        Array.from(readFileSync(join(folder, file), "utf8").matchAll(/^EnvironmentFile=(.*)$/gm), ([, path]) => path)
      ),
      ["/etc/user-service/user-service.env", "-/etc/user-service/migrate.env"]
    )
  })

  it("leave the programs more time to stop than they take", () => {
    const [, grace] = /^#SHUTDOWN_GRACE_SECONDS=(\d+)$/m.exec(readFileSync(join(root, ".env.example"), "utf8")) ?? []
    for (const unit of ["user-service-api.service", "user-service-worker.service"]) {
      const [, timeout] = /^TimeoutStopSec=(\d+)$/m.exec(readFileSync(join(folder, unit), "utf8")) ?? []
      assert.isAbove(Number(timeout), Number(grace), unit)
    }
  })
})
