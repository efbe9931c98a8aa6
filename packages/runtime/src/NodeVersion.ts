import process from "node:process"

/** The least that the programs run on: the long-term release that they are tested on. */
const leastMajor = 24

/** Ends the process with a message where Node is older than what the program needs. It imports nothing that could not load. */
export const requireNode = (): void => {
  if (Number.parseInt(process.versions.node, 10) >= leastMajor) return
  process.stderr.write(
    `The User Service needs Node ${leastMajor} or newer, and this is ${process.version}. In a clone, \`npm start\` installs and uses one.\n`
  )
  process.exit(1)
}
