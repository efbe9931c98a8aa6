import { build } from "esbuild"
import { existsSync } from "node:fs"
import { cp, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join, relative } from "node:path"
import { buildConsole } from "../apps/console/build/ConsoleBuild.ts"
import { sbom } from "./Sbom.ts"

const root = dirname(import.meta.dirname)
const security = join(root, "packages/security")
const database = join(root, "packages/database")
const console = join(root, "apps/console")

export interface AppBundle {
  /** The name of the app's folder in `apps`. */
  readonly app: string
  /** The folder to write. It is deleted first. */
  readonly outdir: string
  /** Whether the bundle works without this clone, for example in a container. Otherwise it links to files of this clone. */
  readonly portable: boolean
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly engines: { readonly node: string }
}

const manifestOf = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, "package.json"), "utf8"))

// The workspace packages that an app consists of, including the app, by their folders.
const partsOf = async (folder: string, found = new Map<string, Manifest>()): Promise<Map<string, Manifest>> => {
  if (found.has(folder)) return found
  const manifest = await manifestOf(folder)
  found.set(folder, manifest)
  for (const [name, version] of Object.entries(manifest.dependencies ?? {})) {
    if (version.startsWith("workspace:")) await partsOf(await realpath(join(folder, "node_modules", name)), found)
  }
  return found
}

const place = (from: string, to: string, portable: boolean) =>
  portable
    ? cp(from, to, { recursive: true, dereference: true })
    : mkdir(dirname(to), { recursive: true }).then(() => symlink(from, to, "junction"))

/**
 * Builds the program of an app: `main.js`, which refuses an older Node, and the code that it loads. If the app has them, it adds
 * its health check, the worker threads of packages/security, the documentation pages, the console, and the packages that cannot be bundled. A
 * portable bundle also has a bill of materials, `sbom.cdx.json`. Returns the paths of the workspace's files that are inputs of the
 * bundle, relative to the root.
 */
export const bundle = async ({ app, outdir, portable }: AppBundle): Promise<ReadonlyArray<string>> => {
  const folder = join(root, "apps", app)
  const parts = await partsOf(folder)
  const hashes = parts.has(security)
  const healthCheck = join(folder, "src/health-check.ts")
  const threads = hashes ? ["hash-worker", "estimate-worker"] : []
  await rm(outdir, { recursive: true, force: true })
  const { metafile } = await build({
    entryPoints: {
      main: join(folder, "src/main.ts"),
      ...(existsSync(healthCheck) ? { "health-check": healthCheck } : {}),
      ...Object.fromEntries(threads.map((name) => [name, join(security, "src", `${name}.ts`)]))
    },
    absWorkingDir: root,
    outdir,
    bundle: true,
    // The module that main.ts imports after its check of the Node version must be a separate file. Otherwise it would be loaded
    // before the check.
    splitting: true,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node24",
    conditions: ["@user-service/source"],
    minifyWhitespace: portable,
    // Without this, Effect propagates Node's async context (AsyncLocalStorage) through every suspension of a fiber, which is 5 %
    // of the cost of a request. This service does not use it, because fibers have their own context (decision 0014).
    define: { "globalThis.process.getBuiltinModule": "undefined" },
    sourcemap: "linked",
    sourcesContent: portable,
    legalComments: portable ? "linked" : "none",
    // Native addons; PGlite, which loads files from its own folder and is not used in production; and the build of the console, which
    // only the sources run.
    external: [
      "@node-rs/bcrypt",
      "@electric-sql/pglite",
      "@user-service/console/ConsoleBuild",
      "bufferutil",
      "utf-8-validate"
    ],
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);'
    },
    logLevel: "warning"
  })
  const placed = hashes ? await placeBcrypt(outdir, portable) : []
  if (!portable && parts.has(database)) {
    const pglite = "node_modules/@electric-sql/pglite"
    await place(await realpath(join(database, pglite)), join(outdir, pglite), portable)
  }
  const consoleModules = parts.has(console) ? await placeConsole(outdir) : []
  placed.push(...consoleModules.map(dirname))
  for (const part of parts.keys()) {
    if (part.endsWith("/api")) placed.push(...(await placePages(part, outdir, portable)))
  }
  if (portable) await writeFile(join(outdir, "sbom.cdx.json"), sbom({ root, app: folder, metafile, placed }))
  const { engines, name, version } = await manifestOf(folder)
  const manifest = { name, version, private: true, type: "module", engines, scripts: { start: "node main.js" } }
  await writeFile(join(outdir, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
  const manifests = [...parts.keys()].map((part) => relative(root, join(part, "package.json")))
  const modules = [...Object.keys(metafile.inputs), ...consoleModules.map((path) => relative(root, path))]
  const inputs = [...modules.filter((path) => !path.includes("node_modules")), ...(await consoleSources(parts))]
  return [...new Set([...manifests, ...inputs])]
}

// The addon, and its binary for this platform: pnpm installs them next to each other. Returns their folders.
const placeBcrypt = async (outdir: string, portable: boolean): Promise<Array<string>> => {
  const bcrypt = await realpath(join(security, "node_modules/@node-rs/bcrypt"))
  const folders = await Promise.all(
    (await readdir(dirname(bcrypt))).map((name) => realpath(join(dirname(bcrypt), name)))
  )
  for (const folder of folders) await place(folder, join(outdir, "node_modules/@node-rs", basename(folder)), portable)
  return folders
}

// Writes the console and its compressed forms. Returns the paths of the modules that it consists of.
const placeConsole = async (outdir: string): Promise<ReadonlyArray<string>> => {
  const { files, modules } = await buildConsole()
  for (const [path, { br, gzip, plain }] of files) {
    const file = join(outdir, "console", path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, plain)
    if (gzip !== undefined) await writeFile(`${file}.gz`, gzip)
    if (br !== undefined) await writeFile(`${file}.br`, br)
  }
  return modules
}

// The files of the console, and of its build, if it is a part: some are no modules, such as the page.
const consoleSources = async (parts: ReadonlyMap<string, Manifest>): Promise<ReadonlyArray<string>> => {
  if (!parts.has(console)) return []
  const folders = [join(console, "src"), join(console, "build")]
  const entries = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })))
  return entries
    .flat()
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => relative(root, join(parentPath, name)))
}

// Returns the folders that the files are from.
const placePages = async (api: string, outdir: string, portable: boolean): Promise<ReadonlyArray<string>> => {
  const { resolve } = createRequire(join(api, "package.json"))
  const folders: Array<string> = []
  for (const path of [
    "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css",
    "redoc/bundles/redoc.standalone.js"
  ]) {
    const file = resolve(path)
    await place(file, join(outdir, "docs", basename(path)), portable)
    folders.push(dirname(file))
  }
  return folders
}
