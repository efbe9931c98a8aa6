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
})
