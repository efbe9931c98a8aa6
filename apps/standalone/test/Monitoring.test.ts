import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import {
  boardQueries,
  boards,
  dashboardsFolder,
  exportRules,
  metricOf,
  monitoring,
  prometheusFolder,
  readYaml,
  ruleGroups,
  rules,
  selectorsOf
} from "./MonitoringFiles.ts"

const root = join(monitoring, "../..")

const promtool = (...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync("promtool", args, { cwd: prometheusFolder, encoding: "utf8" })
  return error === undefined ? { status, output: stdout + stderr } : undefined
}

const isInstalled = promtool("--version") !== undefined

const withFolder = (use: (folder: string) => void) => {
  const folder = mkdtempSync(join(tmpdir(), "monitoring-"))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const alerts = [...rules(), ...exportRules()].flatMap(({ alert, ...rule }) =>
  alert === undefined ? [] : [{ ...rule, alert }]
)
const recordings = rules().flatMap(({ record }) => (record === undefined ? [] : [record]))

interface RuleTests {
  readonly rule_files: ReadonlyArray<string>
  readonly tests: ReadonlyArray<{
    readonly input_series: ReadonlyArray<{ readonly series: string }>
    readonly alert_rule_test: ReadonlyArray<{
      readonly alertname: string
      readonly exp_alerts: ReadonlyArray<unknown>
    }>
  }>
}

describe.skipIf(!isInstalled)("promtool", () => {
  it("accepts the example for systemd, in the folder and with the token that the guide installs", () => {
    withFolder((folder) => {
      const file = join(folder, "prometheus.yml")
      const check = () => promtool("check", "config", "--lint=all", "--lint-fatal", file) ?? assert.fail()
      cpSync(prometheusFolder, folder, { recursive: true })
      cpSync(join(prometheusFolder, "prometheus-systemd.yml"), file)
      const withoutToken = check()
      assert.strictEqual(withoutToken.status, 1)
      assert.match(withoutToken.output, /metrics-token/)
      writeFileSync(join(folder, "metrics-token"), "5f2b9c1e8a4d7063")
      const { output, status } = check()
      assert.strictEqual(status, 0, output)
      for (const rules of ["rules/slo.yml", "erasure-export/textfile.yml"]) {
        assert.include(output, `Checking ${join(folder, rules)}`)
      }
    })
  })

  it("accepts the configuration of Compose in production", () => {
    withFolder((folder) => {
      const file = join(folder, "prometheus.yml")
      const token = join(folder, "token")
      cpSync(prometheusFolder, folder, { recursive: true })
      writeFileSync(token, "5f2b9c1e8a4d7063")
      const configuration = readFileSync(join(prometheusFolder, "prometheus-production.yml"), "utf8")
      writeFileSync(file, configuration.replaceAll("/run/metrics/token", token))
      const { output, status } = promtool("check", "config", "--lint=all", "--lint-fatal", file) ?? assert.fail()
      assert.strictEqual(status, 0, output)
      assert.include(output, `Checking ${join(folder, "rules/slo.yml")}`)
    })
  })

  it("accepts the configuration of Compose and the rules", () => {
    assert.deepInclude(promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"), { status: 0 })
    const files = globSync("{rules,erasure-export}/*.yml", { cwd: prometheusFolder })
    assert.deepInclude(promtool("check", "rules", "--lint=all", "--lint-fatal", ...files), { status: 0 })
  })

  it("sees each alert fire and stay silent as its tests say", { timeout: 300_000 }, () => {
    const result = promtool("test", "rules", ...globSync("tests/*.yml", { cwd: prometheusFolder }))
    assert.strictEqual(result?.status, 0, result?.output)
  })

  it("accepts each query of the boards", () => {
    withFolder((folder) => {
      const file = join(folder, "queries.yml")
      const asRules = boardQueries().map(({ expr }, index) => ({ record: `query_${index}`, expr }))
      writeFileSync(file, JSON.stringify({ groups: [{ name: "queries", rules: asRules }] }))
      const result = promtool("check", "rules", file)
      assert.strictEqual(result?.status, 0, result?.output)
    })
  })
})

describe("the rules", () => {
  it("have a test for each alert in which it fires, and one in which it stays silent", () => {
    // Both ways to run the export of erasures have alerts with the same names.
    const alertsOf = (path: string) =>
      ruleGroups(path).flatMap(({ rules }) =>
        rules.flatMap(({ alert }) => (alert === undefined ? [] : [`${path} ${alert}`]))
      )
    const defined = globSync("{rules,erasure-export}/*.yml", { cwd: prometheusFolder }).flatMap(alertsOf)
    const tested = (fires: boolean) => {
      const found = readYaml<RuleTests>("tests/*.yml").flatMap(({ rule_files, tests }) => {
        const names = tests
          .flatMap(({ alert_rule_test }) => alert_rule_test)
          .filter(({ exp_alerts }) => exp_alerts.length > 0 === fires)
          .map(({ alertname }) => alertname)
        return rule_files
          .flatMap((file) => alertsOf(file.replace("../", "")))
          .filter((alert) => names.some((name) => alert.endsWith(` ${name}`)))
      })
      return [...new Set(found)]
    }
    assert.isAtLeast(defined.length, 40)
    assert.sameMembers(tested(true), defined)
    assert.sameMembers(tested(false), defined)
  })

  it("say of each alert how severe it is, what happens, and where to read on", () => {
    for (const { alert, annotations = {}, labels = {} } of alerts) {
      assert.include(["critical", "warning"], labels["severity"], alert)
      assert.sameMembers(Object.keys(annotations), ["summary", "description", "runbook_url"], alert)
      assert.match(annotations["runbook_url"] ?? "", /^infra\/docs\/runbook\.md#[a-z-]+$/, alert)
    }
  })

  it("are written for the Prometheus Operator as they are here: npm run rules", () => {
    withFolder((folder) => {
      const script = join(prometheusFolder, "write-rules.ts")
      const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: "utf8" })
      assert.strictEqual(status, 0, stderr)
      const read = (from: string) =>
        globSync("*/rules.yaml", { cwd: from })
          .toSorted()
          .map((name) => [name, readFileSync(join(from, name), "utf8")])
      assert.lengthOf(read(folder), 2)
      assert.deepStrictEqual(read(join(root, "infra/kubernetes/components")), read(folder))
    })
  })

  it("name recordings by level, metric and operation, and use them all", () => {
    for (const name of recordings) assert.match(name, /^[a-z_]+:[a-z_]+:[a-z_\d]+$/)
    const used = new Set([...rules(), ...boardQueries()].flatMap(({ expr }) => selectorsOf(expr)).map(metricOf))
    assert.deepStrictEqual(
      recordings.filter((name) => !used.has(name)),
      []
    )
  })
})

describe("the selectors of rules and boards", () => {
  // Prometheus adds these itself.
  const own = new Set(["up", "ALERTS", "scrape_duration_seconds"])
  const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: root })
    .map((path) => readFileSync(join(root, path), "utf8"))
    .join("\n")
    .replaceAll("http.server.request.duration", "http_server_request_duration_seconds")
    .replaceAll("http.server.active_requests", "http_server_active_requests")

  it("name metrics that the service exports", () => {
    const metrics = new Set([...rules(), ...boardQueries()].flatMap(({ expr }) => selectorsOf(expr)).map(metricOf))
    assert.isAtLeast(metrics.size, 60)
    const unknown = [...metrics].filter((name) => {
      if (own.has(name) || recordings.includes(name)) return false
      const family = name.replace(/_(?:bucket|sum|count)$/, "")
      return ![name, family].some((known) => new RegExp(`["# ]${known}["\\\\{ ]`).test(sources))
    })
    assert.deepStrictEqual(unknown, [])
  })
})

describe("the boards", () => {
  it("are those that their sources describe: npm run boards", () => {
    withFolder((folder) => {
      const script = join(monitoring, "grafana/write-boards.ts")
      const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: "utf8" })
      assert.strictEqual(status, 0, stderr)
      const read = (from: string) =>
        globSync("*", { cwd: from })
          .toSorted()
          .map((name) => [name, readFileSync(join(from, name), "utf8")])
      assert.deepStrictEqual(read(dashboardsFolder), read(folder))
    })
  })

  it("have stable ids, titles, descriptions, units and places without overlap", () => {
    assert.lengthOf(boards(), 4)
    for (const { panels, title, uid } of boards()) {
      assert.match(uid, /^user-service-[a-z]+$/)
      const ids = panels.map(({ id }) => id)
      assert.deepStrictEqual(
        ids,
        ids.map((_, index) => index + 1),
        title
      )
      const taken = new Set<string>()
      for (const { description, fieldConfig, gridPos, title, type } of panels) {
        assert.notStrictEqual(title, "")
        if (type !== "row") {
          assert.isAtLeast(description?.length ?? 0, 10, title)
          assert.isDefined(fieldConfig?.defaults.unit, title)
        }
        assert.isAtMost(gridPos.x + gridPos.w, 24, title)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.isFalse(taken.has(`${x} ${y}`), title)
            taken.add(`${x} ${y}`)
          }
        }
      }
    }
  })

  it("use only variables that they have, and the data source that the reader chose", () => {
    for (const { panels, templating, title } of boards()) {
      const variables = templating.list.map(({ name }) => name)
      assert.deepStrictEqual(variables, ["datasource", "job", "instance"], title)
      for (const { datasource, targets = [] } of panels.filter(({ type }) => type !== "row")) {
        assert.strictEqual(datasource?.uid, "${datasource}")
        assert.isAbove(targets.length, 0)
        for (const target of targets) {
          assert.deepStrictEqual(target.datasource, { type: "prometheus", uid: "${datasource}" })
          for (const [, name = ""] of target.expr.matchAll(/\$(\w+)/g)) {
            assert.include([...variables, "__rate_interval"], name, target.expr)
          }
        }
      }
    }
  })
})
