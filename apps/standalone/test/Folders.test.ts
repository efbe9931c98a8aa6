import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, sep } from "node:path"

const root = join(import.meta.dirname, "../../..")

/** The folder of a module, or the module itself if it is in none. */
const partOf = (path: string): string => path.split(sep)[0] ?? path

const importsOf = (source: string): ReadonlyMap<string, ReadonlySet<string>> => {
  const imports = globSync("**/*.ts", { cwd: source }).flatMap((file) =>
    Array.from(
      readFileSync(join(source, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g),
      ([, path = ""]) => ({ from: partOf(file), to: partOf(normalize(join(dirname(file), path))) })
    )
  )
  return new Map(
    [...Map.groupBy(imports, ({ from }) => from)].map(([from, edges]) => [from, new Set(edges.map(({ to }) => to))])
  )
}

// The folders that import themselves through other folders or modules.
const cyclesIn = (imports: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyArray<string> =>
  [...imports.keys()].filter((folder) => {
    if (folder.endsWith(".ts")) return false
    const reached = new Set([...(imports.get(folder) ?? [])].filter((part) => part !== folder))
    // A set also iterates what is added meanwhile.
    for (const part of reached) for (const next of imports.get(part) ?? []) reached.add(next)
    return reached.has(folder)
  })

describe("the folders of a package", () => {
  for (const source of globSync("{apps,packages}/*/src", { cwd: root })) {
    it(`import each other in one direction only: ${source}`, () => {
      assert.deepStrictEqual(cyclesIn(importsOf(join(root, source))), [])
    })
  }
})
