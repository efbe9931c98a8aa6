// Checks the OpenAPI and AsyncAPI documents that the service serves with the rules of Redocly (`redocly.yaml`) and Spectral
// (`.spectral.yaml`): `npm run lint:api`. Warnings fail too. It needs no network.

import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"
import { cache, fail, root } from "./Installation.mjs"

const env = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
  REDOCLY_TELEMETRY: "off",
  REDOCLY_SUPPRESS_UPDATE_NOTICE: "true"
}

const run = (command: string, ...args: ReadonlyArray<string>): boolean => {
  const options = { cwd: root, env, shell: process.platform === "win32", stdio: ["ignore", 1, 2] } as const
  const { error, status } = spawnSync(command, args, options)
  if (error !== undefined) fail(`${command} could not be started: ${error.message}`)
  return status === 0
}

const folder = join(cache, "documents")
mkdirSync(folder, { recursive: true })

const results = ["openapi", "asyncapi"].flatMap((name) => {
  const file = join(folder, `${name}.json`)
  if (!run(process.execPath, "infra/run.mjs", "cli", name, "--file", file))
    fail(`The ${name} document could not be written.`)
  return [
    run("redocly", "lint", file, "--config", "redocly.yaml", "--format", "stylish"),
    run("spectral", "lint", file, "--ruleset", ".spectral.yaml", "--fail-severity", "hint")
  ]
})
if (results.includes(false)) process.exitCode = 1
