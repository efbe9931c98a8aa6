import process from "node:process"
import { brotliCompress, constants, gzip } from "node:zlib"
import { promisify } from "node:util"
import { build, type InlineConfig, type Rolldown } from "vite"
import { conditions, consoleConfig } from "./ConsoleConfig.ts"

/** A built file, and its compressed forms if they are smaller. */
export interface BuiltFile {
  readonly plain: Uint8Array
  readonly gzip: Uint8Array | undefined
  readonly br: Uint8Array | undefined
}

/** The console, built from its sources. */
export interface ConsoleBuild {
  /** The files by their path below that of the console: `index.html`, and assets whose names have a hash of their content. */
  readonly files: ReadonlyMap<string, BuiltFile>
  /** The paths of the modules that the files contain. */
  readonly modules: ReadonlyArray<string>
}

type Output = Rolldown.OutputAsset | Rolldown.OutputChunk

const bytesOf = (file: Output): Uint8Array => {
  const content = file.type === "chunk" ? file.code : file.source
  return typeof content === "string" ? new TextEncoder().encode(content) : content
}

const compressed = async (plain: Uint8Array): Promise<BuiltFile> => {
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(plain, { level: constants.Z_BEST_COMPRESSION }),
    promisify(brotliCompress)(plain, quality)
  ])
  const ifSmaller = (bytes: Uint8Array) => (bytes.length < plain.length ? bytes : undefined)
  return { plain, gzip: ifSmaller(zipped), br: ifSmaller(brotli) }
}

// Modules that the bundler generates have no path.
const modulesOf = (file: Output): ReadonlyArray<string> =>
  file.type === "chunk" ? file.moduleIds.filter((id) => id.startsWith("/")) : []

// For production whatever NODE_ENV is, which Vite would follow. Tests set it.
const production: InlineConfig = {
  ...consoleConfig,
  configFile: false,
  logLevel: "warn",
  mode: "production",
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  oxc: { jsx: { runtime: "automatic", development: false } },
  resolve: { conditions: conditions.map((name) => (name === "development|production" ? "production" : name)) },
  build: { ...consoleConfig.build, write: false }
}

// Vite sets NODE_ENV of the process where it is not set. The program that starts after the build must not take it for its own setting.
const withOwnNodeEnv = async <A>(run: () => Promise<A>): Promise<A> => {
  const { NODE_ENV } = process.env
  try {
    return await run()
  } finally {
    if (NODE_ENV === undefined) delete process.env["NODE_ENV"]
    else process.env["NODE_ENV"] = NODE_ENV
  }
}

/** Builds the console in memory, which takes some seconds. */
export const buildConsole = async (): Promise<ConsoleBuild> => {
  const result = await withOwnNodeEnv(() => build(production))
  const outputs = [result].flat().flatMap((part) => ("output" in part ? part.output : []))
  const files = await Promise.all(
    outputs.map(async (file) => [file.fileName, await compressed(bytesOf(file))] as const)
  )
  return { files: new Map(files), modules: outputs.flatMap(modulesOf) }
}

let built: Promise<ConsoleBuild> | undefined

/** The console as its sources were at the first call in this process. */
export const builtConsole = (): Promise<ConsoleBuild> => (built ??= buildConsole())
