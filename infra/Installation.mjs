// Installs the dependencies if they differ from the lockfile and the manifests. Otherwise it does nothing and takes a few
// milliseconds. It is plain JavaScript without dependencies, because it runs on any Node 20 before the install.

import { spawnSync } from "node:child_process"
import { createHash, randomUUID } from "node:crypto"
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { delimiter, dirname, join, relative } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The folder for the state of the install. It is inside node_modules, so that both are deleted together. */
export const cache = join(root, "node_modules/.cache/user-service")

/** Ends the process with a message for the person at the terminal. */
export const fail = (message) => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const read = (path) => readFileSync(join(root, path), "utf8")

const packages = () =>
  ["apps", "packages"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .map((name) => `${folder}/${name}`)
      .filter((path) => existsSync(join(root, path, "package.json")))
  )

/** A hash of everything that determines the installed dependencies. */
export const fingerprint = () => {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`)
  const manifests = ["", ...packages()].map((path) => join(path, "package.json"))
  for (const path of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) hash.update(`\0${path}\0${read(path)}`)
  return hash.digest("hex")
}

// pnpm creates a node_modules folder in each package that has dependencies.
const isWhole = () =>
  existsSync(join(root, "node_modules/.bin")) &&
  packages().every(
    (path) =>
      JSON.parse(read(`${path}/package.json`)).dependencies === undefined ||
      existsSync(join(root, path, "node_modules"))
  )

/**
 * Runs npx with the Node that it was installed with, because it looks for its configuration next to that Node. So the Node of
 * this clone is removed from PATH.
 */
export const npx = (args, options) =>
  spawnSync("npx", ["--yes", ...args], {
    cwd: root,
    shell: process.platform === "win32",
    env: {
      ...process.env,
      PATH: (process.env.PATH ?? "")
        .split(delimiter)
        .filter((folder) => !folder.startsWith(join(root, "node_modules")))
        .join(delimiter)
    },
    ...options
  })

const stamp = join(cache, "installed")
const lock = join(cache, "installing")

const isInstalled = (wanted) => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && isWhole()

const isRunning = (pid) => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === "EPERM"
  }
}

// The maximum duration of an install. After that, the process id in a lock may belong to another process.
const staleAfter = 10 * 60_000
// A lock is empty between its creation and its write. It stays empty if the machine stopped between the two.
const emptyStaleAfter = 5000

/** The current lock, or undefined if there is none. */
const findLock = () => {
  try {
    return { content: readFileSync(lock, "utf8"), age: Date.now() - statSync(lock).mtimeMs }
  } catch (error) {
    if (error.code !== "ENOENT") throw error
  }
}

const isStale = ({ age, content }) => {
  if (content === "") return age > emptyStaleAfter
  const holder = Number.parseInt(content, 10)
  return age > staleAfter || holder === process.pid || !(holder > 0 && isRunning(holder))
}

// Another process may have replaced the stale lock by its own. So the lock is renamed first, which succeeds in only one
// process, and put back if it is not the stale one.
const removeLock = (content) => {
  const moved = `${lock}.${randomUUID()}`
  try {
    renameSync(lock, moved)
    if (readFileSync(moved, "utf8") !== content) linkSync(moved, lock)
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error
  } finally {
    rmSync(moved, { force: true })
  }
}

// Only one of several concurrent starts installs, because pnpm does not support concurrent installs in one folder.
const takeLock = () => {
  mkdirSync(cache, { recursive: true })
  const ours = `${process.pid} ${randomUUID()}`
  let waits = false
  for (;;) {
    try {
      writeFileSync(lock, ours, { flag: "wx" })
      return ours
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    const found = findLock()
    if (found === undefined) continue
    if (isStale(found)) {
      removeLock(found.content)
      continue
    }
    if (!waits && found.content !== "") {
      waits = true
      const holder = Number.parseInt(found.content, 10)
      process.stderr.write(
        `Waiting for process ${holder}, which installs the dependencies (${relative(root, lock)}) ...\n`
      )
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

export const install = () => {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    fail(`The User Service needs Node 20 or newer to install, and this is ${process.version}.`)
  }
  const wanted = fingerprint()
  if (isInstalled(wanted)) return
  const ours = takeLock()
  const release = () => {
    process.removeListener("exit", release)
    // Another process has replaced the lock if this install took longer than staleAfter.
    if (findLock()?.content === ours) rmSync(lock, { force: true })
  }
  process.once("exit", release)
  if (!isInstalled(wanted)) installWith(JSON.parse(read("package.json")).devEngines.packageManager.version, wanted)
  release()
}

const installWith = (version, wanted) => {
  rmSync(stamp, { force: true })
  const started = Date.now()
  process.stderr.write(`Installing dependencies with pnpm ${version}: half a minute the first time ...\n`)
  const reporter = process.stderr.isTTY ? "default" : "append-only"
  const { error, status } = npx([`pnpm@${version}`, "install", "--frozen-lockfile", `--reporter=${reporter}`], {
    // Standard output is reserved for the program.
    stdio: ["ignore", 2, 2]
  })
  if (status !== 0) {
    const reason = error === undefined ? `pnpm ended with ${status ?? "a signal"}, see above` : error.message
    fail(
      `The dependencies could not be installed: ${reason}. After a change to a package.json: npx pnpm@${version} install`
    )
  }
  writeFileSync(stamp, wanted)
  process.stderr.write(`Installed in ${Math.round((Date.now() - started) / 1000)} s.\n`)
}
