import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"

const root = join(import.meta.dirname, "../../..")

const documents = globSync(["*.md", "infra/**/*.md", "apps/*/*.md", "packages/*/*.md"], { cwd: root })

describe("the documents", () => {
  it("link to files that are there", () => {
    const broken = documents.flatMap((document) =>
      Array.from(
        readFileSync(join(root, document), "utf8").matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g),
        ([, link = ""]) => link
      )
        .filter((link) => globSync(join(dirname(document), link), { cwd: root }).length === 0)
        .map((link) => `${document}: ${link}`)
    )
    assert.deepStrictEqual(broken, [])
  })

  it("name source files that are there", () => {
    const sources = ["*.ts", "infra/**/*.{ts,mjs}", "{apps,packages}/*/{src,test,scripts,examples}/**/*.ts"].flatMap(
      (pattern) => globSync(pattern, { cwd: root })
    )
    const missing = documents.flatMap((document) =>
      Array.from(
        readFileSync(join(root, document), "utf8").matchAll(/`([\w./-]+\.(?:ts|mjs))`/g),
        ([, path = ""]) => path
      )
        // A placeholder, such as `X.test.ts`.
        .filter((path) => !path.startsWith("X."))
        .filter((path) => !sources.some((source) => source === path || source.endsWith(`/${path}`)))
        .map((path) => `${document}: ${path}`)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("pass no secret to kubectl as an argument, which other users of the machine see", () => {
    const literals = documents.filter((document) => /--from-literal=/.test(readFileSync(join(root, document), "utf8")))
    assert.deepStrictEqual(literals, [])
  })

  it("name every migration of an upgrade that blocks reads of a table", () => {
    const upgrading = readFileSync(join(root, "infra/docs/upgrading.md"), "utf8")
    const [, named = ""] = /\(`alter table`: ([\d,\s]+)\)/.exec(upgrading) ?? []
    const blocking = globSync("packages/database/src/migrations/*.ts", { cwd: root })
      .filter((path) => /\balter table (?!only\b)\w/.test(readFileSync(join(root, path), "utf8")))
      .map((path) => basename(path).slice(0, 4))
      // The page begins with this one.
      .filter((number) => number >= "0013")
    assert.deepStrictEqual(named.split(/,\s*/), blocking.toSorted())
  })

  it("list every decision, under its title", () => {
    const index = readFileSync(join(root, "infra/decisions/README.md"), "utf8")
    const rows = globSync("infra/decisions/0*.md", { cwd: root })
      .toSorted()
      .map((path) => {
        const [, number = "", title = ""] = /^# (\d{4}) (.*)$/m.exec(readFileSync(join(root, path), "utf8")) ?? []
        return `| ${number} | [${title}](${basename(path)}) |`
      })
    assert.deepStrictEqual(
      Array.from(index.matchAll(/^\| \d{4} \| [^|]* \|/gm), ([row]) => row),
      rows
    )
  })

  it("name modules whose first comment names the decision", () => {
    const index = readFileSync(join(root, "infra/decisions/README.md"), "utf8")
    const modules = Array.from(
      index.matchAll(/^\| (\d{4}) \| [^|]* \| [^|]* \| ([^|]*) \|/gm),
      ([, decision = "", cost = ""]) =>
        Array.from(cost.matchAll(/`([A-Z][a-z]\w*)`/g), ([, name = ""]) => ({ decision, name }))
    ).flat()
    assert.isAtLeast(modules.length, 30)
    const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: root })
    const unnamed = modules.filter(({ decision, name }) => {
      const path = sources.find((source) => basename(source) === `${name}.ts`)
      if (path === undefined) return true
      const [comment = ""] = /\/\*\*[^]*?\*\/|(?:^ *\/\/.*\n)+/m.exec(readFileSync(join(root, path), "utf8")) ?? []
      return !comment.replaceAll(/\s+(?:\*|\/\/)?\s*/g, " ").includes(`decision ${decision}`)
    })
    assert.deepStrictEqual(unnamed, [])
  })
})
