// Installs missing dependencies and runs a program of this clone: `node infra/start.mjs standalone`. This file and its imports
// are plain JavaScript without dependencies, because they run on any Node 20 before the install.

import { spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fail, install, root } from "./Installation.mjs"

// Runs the same program with the Node of the install.
const handOver = (node) => {
  const child = spawn(node, [join(root, "infra/run.mjs"), ...process.argv.slice(2)], { stdio: "inherit" })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to the parent and to the child, so the parent must not send it again.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)))
  }
  child.on("error", (error) => fail(`${node} could not be started: ${error.message}`))
  child.on("exit", (code, signal) => {
    if (signal === null) return process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

install()
if (Number.parseInt(process.versions.node, 10) < 24) handOver(join(root, "node_modules/node/bin/node"))
else await import("./run.mjs")
