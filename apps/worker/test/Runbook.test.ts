import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, "utf8")

const runbook = read("infra/docs/runbook.md")
const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: root }).map(read).join("\n")

/** The code spans and shell blocks of the runbook. */
const spans = [...runbook.matchAll(/`([^`]+)`|```sh\n([^]*?)```/g)].map(([, span = "", block = ""]) => span + block)
const named = (pattern: RegExp) => [
  ...new Set(spans.flatMap((span) => [...span.matchAll(pattern)].map(([name]) => name)))
]

const families =
  /\b(?:auth|outbox|mails|password_resets|dead_letters|broker|worker|notification|user_service|cache|places|rate_limits|database|password_hash(?:es)?|nodejs|process)_[a-z_]+\b/g

describe("the runbook", () => {
  it("speaks of metrics that there are", () => {
    const metrics = named(families)
    assert.isAtLeast(metrics.length, 20)
    assert.deepStrictEqual(
      // Those of several processes together stand in a text of Prometheus' format.
      metrics.filter(
        (name) => !sources.includes(`"${name}"`) && !sources.includes(`# TYPE ${name} `) && !/^worker_?$/.test(name)
      ),
      []
    )
  })

  it("speaks of settings that there are", () => {
    const settings = named(/\b[A-Z]+(?:_[A-Z]+)+\b/g).filter((name) => !/^(ACCESS_REFUSED|NOT_ALLOWED)$/.test(name))
    const example = read(".env.example")
    assert.isAtLeast(settings.length, 5)
    assert.deepStrictEqual(
      settings.filter((name) => !new RegExp(`^#?${name}=`, "m").test(example)),
      []
    )
  })

  const sections = runbook
    .split(/^## /m)
    .slice(1)
    .map((text) => ({
      anchor: (text.split("\n")[0] ?? "").toLowerCase().replaceAll(" ", "-"),
      text,
      alerts: [...(/^Alerts?: (.*?)\n\n/ms.exec(text)?.[1]?.matchAll(/`(\w+)`/g) ?? [])].map(([, name = ""]) => name)
    }))

  it("says of each alert what it means, how to see it, what to do and whom to wake", () => {
    assert.lengthOf(sections, 24)
    for (const { alerts, anchor, text } of sections) {
      assert.isAbove(alerts.length, 0, anchor)
      for (const part of ["**Means**", "**See**", "**Do**", "**Wake**"]) assert.include(text, part, anchor)
    }
  })

  it("has a section for each alert, and an alert of Prometheus for each that it names", () => {
    const defined = globSync("infra/monitoring/prometheus/{rules,erasure-export}/*.yml", { cwd: root }).flatMap(
      (path) =>
        Array.from(
          read(path).matchAll(/- alert: (\w+)$[^]*?runbook_url: infra\/docs\/runbook\.md#(.*)$/gm),
          ([, name = "", anchor = ""]) => `${name} ${anchor}`
        )
    )
    assert.isAtLeast(defined.length, 40)
    assert.sameMembers(
      sections.flatMap(({ alerts, anchor }) => alerts.map((name) => `${name} ${anchor}`)),
      // Those on the export of erasures are there for each way to run it.
      [...new Set(defined)]
    )
  })

  it("quotes the log as it is", () => {
    const quoted = [...runbook.matchAll(/"([A-Z][^"]+?)(?: \.\.\.)?"/g)].map(([, words = ""]) =>
      words.replaceAll(/\s+/g, " ")
    )
    assert.deepStrictEqual(
      quoted.filter((words) => !sources.includes(words)),
      []
    )
  })
})
