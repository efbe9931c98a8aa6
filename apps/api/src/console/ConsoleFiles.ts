import { Effect, FileSystem } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A file of the console, as it is and compressed. */
export interface ConsoleFile {
  readonly plain: Uint8Array
  readonly gzip: Uint8Array | undefined
  readonly br: Uint8Array | undefined
}

/** The files of the console, by their path below that of the console. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

// The bundle ships the built console. From the sources it is built, which takes some seconds.
const bundled = fileURLToPath(new URL("./console", import.meta.url))

const readBundled = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const paths = yield* files.readDirectory(bundled, { recursive: true })
  const plain = paths.filter((path) => /\.(?:css|html|js|svg)$/.test(path))
  const read = (path: string) =>
    paths.includes(path) ? files.readFile(join(bundled, path)) : Effect.succeed(undefined)
  const entries = yield* Effect.forEach(plain, (path) =>
    Effect.all({
      plain: files.readFile(join(bundled, path)),
      gzip: read(`${path}.gz`),
      br: read(`${path}.br`)
    }).pipe(Effect.map((file) => [path, file] as const))
  )
  return new Map(entries)
}).pipe(Effect.orDie)

const build = Effect.promise(() => import("@user-service/console/ConsoleBuild")).pipe(
  Effect.flatMap(({ builtConsole }) => Effect.promise(builtConsole)),
  Effect.map(({ files }) => files)
)

/** Reads the files of the console, all at once. */
export const readConsoleFiles: Effect.Effect<ConsoleFiles, never, FileSystem.FileSystem> = existsSync(bundled)
  ? readBundled
  : build
