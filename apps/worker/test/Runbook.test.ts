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
      metrics.filter((name) => !sources.includes(`"${name}"`) && !/^worker_?$/.test(name)),
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

  it("says of each alarm what it means, how to see it and what to do", () => {
    const sections = runbook.split(/^## /m).slice(1)
    assert.lengthOf(sections, 13)
    for (const section of sections) {
      for (const part of ["Alarm:", "**Means**", "**See**", "**Do**"]) {
        assert.include(section, part, section.split("\n")[0])
      }
    }
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
