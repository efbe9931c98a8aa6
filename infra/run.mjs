// Runs a program of this clone after its dependencies are installed: `node infra/run.mjs standalone`. It first bundles the
// program if its sources have changed, because compiling TypeScript and loading the modules one by one takes seconds.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import * as module from "node:module"
import { join } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { cache, fail, fingerprint, root } from "./Installation.mjs"

// The number of bundles to keep: a running program still loads parts of the bundle that it was started from.
const keptBundles = 4

const isFresh = ({ inputs, installed }) =>
  installed === fingerprint() &&
  inputs.every(([path, size, modified]) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    return stat !== undefined && stat.size === size && stat.mtimeMs === modified
  })

// A file that changed during the bundling gets size -1, so that it counts as changed.
const states = (paths, started) =>
  paths.map((path) => {
    const { mtimeMs, size } = statSync(join(root, path))
    return [path, mtimeMs < started ? size : -1, mtimeMs]
  })

/** The folder of the app's bundle. It is rebuilt if one of its inputs has changed. */
const bundleOf = async (app) => {
  const folder = join(cache, app)
  const record = join(folder, "newest.json")
  if (existsSync(record)) {
    const newest = JSON.parse(readFileSync(record, "utf8"))
    const outdir = join(folder, newest.name)
    if (existsSync(outdir) && isFresh(newest)) return outdir
  }
  // Standard output is reserved for the program.
  process.stderr.write(`Bundling ${app} ...\n`)
  const { bundle } = await import("./AppBundle.ts")
  // Two concurrent starts build one bundle each: their names differ, and the rename replaces the record atomically.
  const started = Date.now()
  const name = `${started}-${process.pid}`
  const outdir = join(folder, name)
  mkdirSync(folder, { recursive: true })
  const inputs = states([...(await bundle({ app, outdir, portable: false })), "infra/AppBundle.ts"], started)
  writeFileSync(`${outdir}.json`, JSON.stringify({ name, installed: fingerprint(), inputs }))
  renameSync(`${outdir}.json`, record)
  const old = readdirSync(folder).filter((entry) => /^\d+-\d+$/.test(entry))
  for (const entry of old.toSorted().slice(0, -keptBundles))
    rmSync(join(folder, entry), { recursive: true, force: true })
  return outdir
}

const [app, ...args] = process.argv.slice(2)
if (app === undefined || !existsSync(join(root, "apps", app, "src/Program.ts"))) {
  fail("Which program? One of: standalone, api, worker, cli")
}
const folder = await bundleOf(app)
const main = join(folder, "main.js")
// Child processes of the program use the compile cache too.
process.env.NODE_COMPILE_CACHE = join(folder, "compiled")
module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
process.argv.splice(1, process.argv.length, main, ...args)
await import(pathToFileURL(main).href)
