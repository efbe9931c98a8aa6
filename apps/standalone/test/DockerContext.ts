import { globSync, lstatSync, readFileSync } from "node:fs"
import { dirname, join, matchesGlob } from "node:path"

/**
 * Whether Docker leaves a path out of the build's context, by the rules of a `.dockerignore`: the last pattern that matches the path
 * or a folder above it decides, and `!` makes an exception.
 */
export const makeIgnored = (rules: string): ((path: string) => boolean) => {
  const patterns = rules
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ isException: line.startsWith("!"), glob: line.replace(/^!/, "") }))
  // Docker's `*` also matches a leading dot, that of Node does not.
  const withoutDots = (path: string): string => path.replaceAll(/(?<=^|\/)\./g, "dot-")
  const matches = (path: string, glob: string): boolean =>
    matchesGlob(withoutDots(path), withoutDots(glob)) || (dirname(path) !== "." && matches(dirname(path), glob))
  return (path) => patterns.findLast(({ glob }) => matches(path, glob))?.isException === false
}

/** The paths of the files that Docker would send as the context of a build. */
export const contextOf = (root: string): ReadonlyArray<string> => {
  const isIgnored = makeIgnored(readFileSync(join(root, ".dockerignore"), "utf8"))
  return globSync("{*,.*,{apps,infra,packages}/**/*}", {
    cwd: root,
    exclude: (path) => path.includes("node_modules")
  }).filter((path) => !isIgnored(path) && !lstatSync(join(root, path)).isDirectory())
}
