// Writes the rules as objects of the Prometheus Operator: `npm run rules`, or with another folder as the argument.
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import process from "node:process"

interface Component {
  readonly name: string
  /** The files of rules, in this folder. */
  readonly rules: ReadonlyArray<string>
}

const components: ReadonlyArray<Component> = [
  { name: "prometheus-operator", rules: globSync("rules/*.yml", { cwd: import.meta.dirname }).toSorted() },
  { name: "erasure-export-alerts", rules: ["erasure-export/kubernetes.yml"] }
]

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ")

// The operator accepts in `spec` what Prometheus accepts as a file.
const objectOf = (path: string): string => {
  const folder = basename(dirname(path))
  const name = folder === "rules" ? basename(path, ".yml") : folder
  return `# Written by \`npm run rules\` from infra/monitoring/prometheus/${path}.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: user-service-${name}
  labels: { app.kubernetes.io/name: user-service, app.kubernetes.io/component: monitoring }
spec:
${indented(readFileSync(join(import.meta.dirname, path), "utf8"))}`
}

const [folder = join(import.meta.dirname, "../../kubernetes/components")] = process.argv.slice(2)
for (const { name, rules } of components) {
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, "rules.yaml"), rules.map(objectOf).join("---\n"))
}
