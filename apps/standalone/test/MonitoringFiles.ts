import { parser } from "@prometheus-io/lezer-promql"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

/** The folder of the Prometheus configuration and of the boards. */
export const monitoring = fileURLToPath(new URL("../../../infra/monitoring/", import.meta.url))

export const prometheusFolder = join(monitoring, "prometheus")
export const dashboardsFolder = join(monitoring, "grafana/dashboards")

/** The parsed YAML files that match the pattern in the folder of Prometheus. */
export const readYaml = <A>(pattern: string): ReadonlyArray<A> =>
  globSync(pattern, { cwd: prometheusFolder })
    .toSorted()
    .map((path) => parse(readFileSync(join(prometheusFolder, path), "utf8")))

export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RuleGroup {
  readonly name: string
  readonly rules: ReadonlyArray<Rule>
}

interface RuleFile {
  readonly groups: ReadonlyArray<RuleGroup>
}

/** The groups of rules in the files that match the pattern. */
export const ruleGroups = (pattern: string): ReadonlyArray<RuleGroup> =>
  readYaml<RuleFile>(pattern).flatMap(({ groups }) => groups)

const rulesOf = (pattern: string) => ruleGroups(pattern).flatMap((group) => group.rules)

/** The recording and alert rules on what the service exports. */
export const rules = (): ReadonlyArray<Rule> => rulesOf("rules/*.yml")

/** The alert rules on the export of erasures, one set for each way to run it. */
export const exportRules = (): ReadonlyArray<Rule> => rulesOf("erasure-export/*.yml")

interface Variable {
  readonly name: string
}

export interface PanelTarget {
  readonly refId: string
  readonly expr: string
  readonly datasource: { readonly type: string; readonly uid: string }
}

export interface BoardPanel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: ReadonlyArray<PanelTarget>
}

export interface BoardFile {
  readonly name: string
  readonly uid: string
  readonly title: string
  readonly templating: { readonly list: ReadonlyArray<Variable & { readonly query: unknown }> }
  readonly panels: ReadonlyArray<BoardPanel>
}

/** The boards that Grafana loads. */
export const boards = (): ReadonlyArray<BoardFile> =>
  globSync("*.json", { cwd: dashboardsFolder })
    .toSorted()
    .map((name) => ({ name, ...JSON.parse(readFileSync(join(dashboardsFolder, name), "utf8")) }))

/** A query of a panel with all variables at "All". */
export interface BoardQuery {
  readonly place: string
  readonly expr: string
}

const values = new Map([
  ["$__rate_interval", "1m"],
  ["$job", ".+"],
  ["$instance", ".+"]
])

const withoutVariables = (expr: string): string => expr.replaceAll(/\$\w+/g, (name) => values.get(name) ?? name)

export const boardQueries = (): ReadonlyArray<BoardQuery> =>
  boards().flatMap(({ name, panels }) =>
    panels.flatMap(({ targets = [], title }) =>
      targets.map(({ expr, refId }) => ({ place: `${name}: ${title}, ${refId}`, expr: withoutVariables(expr) }))
    )
  )

/** The selectors of an expression, without their ranges and offsets. Throws if the expression is not PromQL. */
export const selectorsOf = (expr: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  parser.parse(expr).iterate({
    enter: ({ from, name, to, type }) => {
      if (type.isError) throw new Error(`Not PromQL at ${from}: ${expr}`)
      if (name === "VectorSelector") found.push(expr.slice(from, to))
    }
  })
  return found
}

/** The name of the metric of a selector. */
export const metricOf = (selector: string): string => /^[\w:]+/.exec(selector)?.[0] ?? ""
