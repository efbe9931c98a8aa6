import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { exportRules, metricOf, selectorsOf } from "./MonitoringFiles.ts"

const root = join(import.meta.dirname, "../../..")
const folder = join(root, "infra/systemd")

const units = globSync("*.{service,timer}", { cwd: folder }).toSorted()
const services = units.filter((unit) => unit.endsWith(".service"))

const analyze = (...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync("systemd-analyze", args, { cwd: folder, encoding: "utf8" })
  return { status: error === undefined ? status : error.message, stderr, stdout }
}

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0

describe.skipIf(!hasSystemd)("the units for systemd", () => {
  it("are valid, with all their settings known", () => {
    assert.deepStrictEqual(units, [
      "user-service-api.service",
      "user-service-erasure-export.service",
      "user-service-erasure-export.timer",
      "user-service-migrate.service",
      "user-service-worker.service"
    ])
    const { status, stderr } = analyze("verify", "--man=no", ...units.map((unit) => `./${unit}`))
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
  })

  for (const unit of services) {
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

  describe("the export of erasures", () => {
    const unit = readFileSync(join(folder, "user-service-erasure-export.service"), "utf8").replaceAll("\\\n", "")
    // What systemd passes to the shell (systemd.service, "Command lines").
    const [, quoted = ""] = /^ExecStartPost=\+\/bin\/sh -euc '(.*)'$/m.exec(unit) ?? []
    const script = quoted.replaceAll("%%", "%").replaceAll("$$", "$").replaceAll("\\n", "\n")
    const textfiles = "/var/lib/prometheus/node-exporter"

    const runIn = (target: string) => {
      assert.include(script, `cd ${textfiles} `)
      return spawnSync("/bin/sh", ["-euc", script.replace(textfiles, target)], { encoding: "utf8" })
    }

    it("writes the time of a success for the node exporter, under the name that the alerts read", () => {
      const target = mkdtempSync(join(tmpdir(), "textfiles-"))
      try {
        const { status, stderr } = runIn(target)
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
        assert.deepStrictEqual(readdirSync(target), ["user-service-erasure-export.prom"])
        const file = join(target, "user-service-erasure-export.prom")
        // The node exporter runs as another user.
        assert.strictEqual(statSync(file).mode & 0o777, 0o644)
        const [type, sample = "", end] = readFileSync(file, "utf8").split("\n")
        const [name = "", value] = sample.split(" ")
        assert.deepStrictEqual([type, end], [`# TYPE ${name} gauge`, ""])
        assert.closeTo(Number(value), statSync(file).mtimeMs / 1000, 2)
        const guide = readFileSync(join(root, "infra/docs/monitoring.md"), "utf8")
        assert.include(guide, `echo "${name} $(date +%s)" >user-service-erasure-export.part`)
        const metrics = exportRules().flatMap(({ expr }) => selectorsOf(expr).map(metricOf))
        assert.lengthOf(
          metrics.filter((metric) => metric === name),
          2
        )
      } finally {
        rmSync(target, { recursive: true })
      }
    })

    it("does not fail without a node exporter", () => {
      const { status, stderr } = runIn("/nonexistent")
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
    })

    it("is started by a timer, and writes its file to a folder that is writable for it", () => {
      assert.isTrue(existsSync(join(folder, "user-service-erasure-export.timer")))
      const [, file = ""] = /^ExecStart=.* erasures export --file (\S+)$/m.exec(unit) ?? []
      const [, state] = /^StateDirectory=(.*)$/m.exec(unit) ?? []
      assert.strictEqual(file, `/var/lib/${state}/erasures.txt`)
    })
  })
})
