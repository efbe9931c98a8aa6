// Runs a program of this clone and installs what is missing before: `node infra/start.mjs standalone`. Plain JavaScript
// without dependencies, as all that it loads, because it runs on any Node 20 before the install.

import { spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fail, install, root } from "./Installation.mjs"

// Nearly all that a program allocates while it loads stays. V8 begins with one megabyte for new objects, and then collects garbage
// a dozen times before `npm start` is ready, which takes 160 ms. It grows to 16 megabytes under load in any case.
const flags = ["--min-semi-space-size=16"]

// The same call by the Node that comes with the install.
const handOver = (node) => {
  const child = spawn(node, [...flags, join(root, "infra/run.mjs"), ...process.argv.slice(2)], { stdio: "inherit" })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to both.
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
