import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, sep } from "node:path"

const source = join(import.meta.dirname, "../src")

/**
 * The folders of the package from the ground up, each with those that it may import. All may import the modules that are in no
 * folder.
 */
const floors: ReadonlyArray<readonly [folder: string, below: ReadonlyArray<string>]> = [
  ["testing", []],
  ["cached", []],
  ["limits", []],
  ["user-search", []],
  ["dead-letters", []],
  ["mails", []],
  ["one-time-tokens", []],
  ["restores", []],
  ["changes", ["cached", "mails"]],
  ["audit", ["changes", "limits"]],
  ["outbox", ["cached", "changes"]],
  ["activity", ["dead-letters", "mails", "outbox"]],
  ["erasures", ["changes", "dead-letters", "limits"]],
  ["preferences", ["cached", "changes"]],
  ["push-tokens", ["cached", "changes"]],
  ["unsubscribe", ["cached", "changes", "preferences"]],
  ["deliveries", ["activity", "cached", "changes", "preferences", "push-tokens", "unsubscribe"]],
  ["retention", ["cached", "changes", "push-tokens"]],
  ["profiles", ["cached", "changes", "preferences", "push-tokens"]],
  ["sessions", ["cached", "changes", "limits", "mails", "preferences", "push-tokens"]],
  ["exports", ["cached", "changes", "deliveries", "limits", "preferences", "profiles", "push-tokens"]],
  [
    "accounts",
    [
      "activity",
      "cached",
      "changes",
      "erasures",
      "limits",
      "mails",
      "one-time-tokens",
      "preferences",
      "push-tokens",
      "profiles",
      "sessions"
    ]
  ],
  ["recovery", ["accounts", "changes", "limits", "mails", "one-time-tokens", "push-tokens", "sessions"]],
  ["imports", ["accounts", "push-tokens"]],
  [
    "staff",
    [
      "accounts",
      "activity",
      "audit",
      "changes",
      "dead-letters",
      "deliveries",
      "erasures",
      "limits",
      "mails",
      "one-time-tokens",
      "outbox",
      "profiles",
      "push-tokens",
      "recovery",
      "sessions"
    ]
  ]
]

const folderOf = (path: string): string => {
  const [folder = "", ...rest] = path.split(sep)
  return rest.length === 0 ? "" : folder
}

const imports = globSync("**/*.ts", { cwd: source }).flatMap((file) =>
  [...readFileSync(join(source, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(
    ([, path = ""]) => ({
      file,
      from: folderOf(file),
      to: folderOf(normalize(join(dirname(file), path)))
    })
  )
)

describe("the folders of the package", () => {
  it("are all on a floor, and each floor names only floors below it", () => {
    const folders = globSync("*/", { cwd: source }).map((path) => path.replace(/[/\\]$/, ""))
    assert.sameMembers(
      floors.map(([folder]) => folder),
      folders
    )
    for (const [index, [folder, below]] of floors.entries()) {
      const lower = new Set(floors.slice(0, index).map(([other]) => other))
      assert.deepStrictEqual(
        below.filter((other) => !lower.has(other)),
        [],
        folder
      )
    }
  })

  it("import only what is below them", () => {
    const below = new Map(floors)
    const upward = imports.filter(({ from, to }) => to !== "" && to !== from && !below.get(from)?.includes(to))
    assert.deepStrictEqual(
      upward.map(({ file, to }) => `${file} imports ${to}`),
      []
    )
  })
})
