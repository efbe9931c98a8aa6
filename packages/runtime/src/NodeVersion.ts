import process from "node:process"

/** The oldest supported Node, the long-term support release that the tests use. */
const minMajor = 24

/** Exits with a message if Node is too old. This module imports nothing that an old Node could not load. */
export const requireNode = (): void => {
  if (Number.parseInt(process.versions.node, 10) >= minMajor) return
  process.stderr.write(
    `The User Service needs Node ${minMajor} or newer, and this is ${process.version}. In a clone, \`npm start\` installs and uses one.\n`
  )
  process.exit(1)
}
