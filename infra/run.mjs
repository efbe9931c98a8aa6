// Runs a program of this clone, whose dependencies are installed: `node infra/run.mjs standalone`. Bundles it where something
// has changed since the last time, because compiling its TypeScript and loading its modules one by one takes seconds.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import * as module from "node:module"
import { join } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { cache, fail, fingerprint, root } from "./Installation.mjs"

// A running program still loads parts of the bundle that it was started from.
const keptBundles = 4

const isFresh = ({ inputs, installed }) =>
  installed === fingerprint() &&
  inputs.every(([path, size, modified]) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    return stat !== undefined && stat.size === size && stat.mtimeMs === modified
  })

// A file that was changed while it was bundled counts as changed.
const states = (paths, started) =>
  paths.map((path) => {
    const { mtimeMs, size } = statSync(join(root, path))
    return [path, mtimeMs < started ? size : -1, mtimeMs]
  })

/** The folder of the app's bundle, made anew where what it was made of has changed. */
const bundleOf = async (app) => {
  const folder = join(cache, app)
  const record = join(folder, "newest.json")
  if (existsSync(record)) {
    const newest = JSON.parse(readFileSync(record, "utf8"))
    const outdir = join(folder, newest.name)
    if (existsSync(outdir) && isFresh(newest)) return outdir
  }
  // Standard output is for what the program says.
  process.stderr.write(`Bundling ${app} ...\n`)
  const { bundle } = await import("./AppBundle.ts")
  // Two starts at once make one each: names do not meet, and the record is replaced in one step.
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
// The processes that the program starts of itself use it too.
process.env.NODE_COMPILE_CACHE = join(folder, "compiled")
module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
process.argv.splice(1, process.argv.length, main, ...args)
await import(pathToFileURL(main).href)
