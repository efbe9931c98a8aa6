import { build } from "esbuild"
import { cp, mkdir, readdir, readFile, realpath, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join, resolve } from "node:path"

// Makes `bundle/` of the app whose folder is named: one file, and beside it, where the app has them, the hashing thread's, the
// documentation pages and what cannot be bundled. It needs nothing but Node, and starts in a fifth of the time that modules
// one by one take.

const root = dirname(import.meta.dirname)
const app = resolve(process.argv[2] ?? ".")
const outdir = join(app, "bundle")
const security = join(root, "packages/security")
const manifest = join(app, "package.json")
const { dependencies } = JSON.parse(await readFile(manifest, "utf8"))
const hashes = "@user-service/security" in dependencies
const hasPages = "swagger-ui-dist" in dependencies

await rm(outdir, { recursive: true, force: true })
await build({
  entryPoints: {
    main: join(app, "src/main.ts"),
    ...(hashes ? { "hash-worker": join(security, "src/hash-worker.ts") } : {})
  },
  outdir,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  conditions: ["@user-service/source"],
  minifyWhitespace: true,
  // Effect would carry Node's async context (AsyncLocalStorage) through every wait of a fiber, which takes five hundredths of
  // what a request costs; nothing here has any, as fibers have contexts of their own (decision 0014).
  define: { "globalThis.process.getBuiltinModule": "undefined" },
  sourcemap: "linked",
  legalComments: "linked",
  // Native addons, and PGlite, which loads files beside itself and serves no production.
  external: ["@node-rs/bcrypt", "@electric-sql/pglite", "bufferutil", "utf-8-validate"],
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);'
  },
  logLevel: "warning"
})

if (hashes) {
  // The addon and the one binary of it that fits this machine: pnpm puts them side by side.
  const bcrypt = await realpath(join(security, "node_modules/@node-rs/bcrypt"))
  for (const name of await readdir(dirname(bcrypt))) {
    await cp(join(dirname(bcrypt), name), join(outdir, "node_modules/@node-rs", name), {
      recursive: true,
      dereference: true
    })
  }
}

if (hasPages) {
  const docs = join(outdir, "docs")
  await mkdir(docs)
  for (const path of [
    "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css",
    "redoc/bundles/redoc.standalone.js"
  ]) {
    await cp(createRequire(manifest).resolve(path), join(docs, basename(path)))
  }
}
