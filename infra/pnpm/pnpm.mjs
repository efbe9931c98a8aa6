#!/usr/bin/env node
// Provides `pnpm` on machines that have only Node and npm, because turbo starts each task through it. It runs the version that
// package.json names from the cache of npx, and stores the path, because npx takes a second to find it.

import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"
import { cache, fail, npx, root } from "../Installation.mjs"

const shell = process.platform === "win32"
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devEngines.packageManager
const memory = join(cache, `pnpm-${version}`)

// npx adds the folder of the fetched package to PATH.
const locate = () => {
  const { status, stdout } = npx([`--package=pnpm@${version}`, "--", "node", "-p", "process.env.PATH"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"]
  })
  const folders = status === 0 ? stdout.trim().split(delimiter) : []
  const folder = folders.find((path) => !path.startsWith(root) && existsSync(join(path, "pnpm")))
  if (folder === undefined) fail(`pnpm ${version} could not be fetched with npx.`)
  const found = join(folder, shell ? "pnpm.cmd" : "pnpm")
  mkdirSync(dirname(memory), { recursive: true })
  writeFileSync(memory, found)
  return found
}

const remembered = existsSync(memory) ? readFileSync(memory, "utf8") : ""
const pnpm = existsSync(remembered) ? remembered : locate()
const { error, signal, status } = spawnSync(pnpm, process.argv.slice(2), { stdio: "inherit", shell })
if (error !== undefined) fail(`${pnpm} could not be started: ${error.message}`)
process.exit(status ?? 128 + (constants.signals[signal] ?? 0))
